#include "coordinator/storage/migrations.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "common/base/files.h"
#include "common/base/status.h"
#include "coordinator/storage/record_store.h"
#include "tests/support/status_matchers.h"

namespace crossmill::storage {
namespace {

constexpr Sql kVersion{"read the version", "PRAGMA user_version"};
constexpr Migration kFirst{1, "0001_a.sql",
                           "CREATE TABLE a (id INTEGER PRIMARY KEY) STRICT;"
                           "CREATE TABLE b (a INTEGER REFERENCES a (id)) STRICT;"};
constexpr Migration kSecond{2, "0002_c.sql", "CREATE TABLE c (id INTEGER PRIMARY KEY) STRICT;"};

class MigrationsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto folder = TemporaryFolder::Create();
    ASSERT_OK(folder);
    folder_.emplace(*std::move(folder));
    path_ = folder_->Path("record.sqlite");
  }
  Database Open() {
    auto database = Database::Open(path_);
    EXPECT_OK(database);
    return *std::move(database);
  }
  absl::Status MigrateTo(absl::Span<const Migration> migrations) {
    Database database = Open();
    return Migrate(database, path_, migrations);
  }
  int64_t Version() { return *Open().QueryInt64(kVersion); }
  bool HasTable(const std::string& path, const std::string& name) {
    auto database = Database::Open(path);
    EXPECT_OK(database);
    const std::string sql = "SELECT count(*) FROM sqlite_schema WHERE name = '" + name + "'";
    return *database->QueryInt64({"look for a table", sql.c_str()}) == 1;
  }

  std::optional<TemporaryFolder> folder_;
  std::string path_;
};

TEST_F(MigrationsTest, EmbeddedOnesAreNumberedFromOneWithoutGaps) {
  int expected = 0;
  for (const Migration& migration : EmbeddedMigrations()) EXPECT_EQ(migration.version, ++expected);
  EXPECT_GE(expected, 1);
}

TEST_F(MigrationsTest, NewDatabaseGetsAllAndNoCopy) {
  ASSERT_OK(MigrateTo({kFirst, kSecond}));
  EXPECT_EQ(Version(), 2);
  EXPECT_TRUE(HasTable(path_, "c"));
  EXPECT_FALSE(Exists(PathBeforeMigration(path_, 2)));
  ASSERT_OK(MigrateTo({kFirst, kSecond}));
}

TEST_F(MigrationsTest, ExistingDatabaseIsCopiedAsideFirst) {
  ASSERT_OK(MigrateTo({kFirst}));
  ASSERT_OK(Open().Execute("insert", "INSERT INTO a VALUES (7)"));
  ASSERT_OK(MigrateTo({kFirst, kSecond}));
  const std::string copy = PathBeforeMigration(path_, 2);
  struct stat status;
  ASSERT_EQ(stat(copy.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_FALSE(HasTable(copy, "c"));
  auto old = Database::Open(copy);
  ASSERT_OK(old);
  EXPECT_EQ(*old->QueryInt64(kVersion), 1);
  EXPECT_EQ(*old->QueryInt64({"read the row", "SELECT id FROM a"}), 7);
  EXPECT_EQ(*Open().QueryInt64({"read the row", "SELECT id FROM a"}), 7);
}

TEST_F(MigrationsTest, FailingOneLeavesTheVersionBefore) {
  ASSERT_OK(MigrateTo({kFirst}));
  const Migration broken{2, "0002_broken.sql", "CREATE TABLE c (id INTEGER) STRICT; SELEKT 1;"};
  const absl::Status status = MigrateTo({kFirst, broken});
  EXPECT_FALSE(status.ok());
  EXPECT_NE(Sv(status.message()).find("0002_broken.sql"), std::string_view::npos) << status;
  EXPECT_EQ(Version(), 1);
  EXPECT_FALSE(HasTable(path_, "c"));
  // The next attempt does not stumble over the copy of this one.
  ASSERT_OK(MigrateTo({kFirst, kSecond}));
  EXPECT_EQ(Version(), 2);
}

TEST_F(MigrationsTest, OneThatBreaksReferencesIsRefused) {
  ASSERT_OK(MigrateTo({kFirst}));
  ASSERT_OK(Open().Execute("insert", "INSERT INTO a VALUES (7); INSERT INTO b VALUES (7)"));
  const Migration broken{2, "0002_broken.sql", "DELETE FROM a;"};
  EXPECT_TRUE(absl::IsFailedPrecondition(MigrateTo({kFirst, broken})));
  EXPECT_EQ(*Open().QueryInt64({"count", "SELECT count(*) FROM a"}), 1);
}

TEST_F(MigrationsTest, NewerSchemaIsRefusedAndLeftAlone) {
  ASSERT_OK(RecordStore::Open(path_));
  const int newest = EmbeddedMigrations().back().version;
  ASSERT_OK(Open().Execute("pretend", fmt::format("PRAGMA user_version={}", newest + 1)));
  const auto store = RecordStore::Open(path_);
  EXPECT_TRUE(absl::IsFailedPrecondition(store.status()));
  const std::string message(Sv(store.status().message()));
  EXPECT_NE(message.find(fmt::format("{} has schema version {}, but this Crossmill", path_, newest + 1)),
            std::string::npos)
      << message;
  EXPECT_NE(message.find(fmt::format("knows versions up to {}", newest)), std::string::npos) << message;
  EXPECT_EQ(Version(), newest + 1);
}

TEST_F(MigrationsTest, ForeignDatabaseIsRefused) {
  ASSERT_OK(Open().Execute("somebody else's table", "CREATE TABLE bookmarks (url TEXT)"));
  const auto store = RecordStore::Open(path_);
  EXPECT_TRUE(absl::IsFailedPrecondition(store.status())) << store.status();
  EXPECT_FALSE(HasTable(path_, "builds"));
}

}  // namespace
}  // namespace crossmill::storage
