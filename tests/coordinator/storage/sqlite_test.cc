#include "coordinator/storage/sqlite.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "common/base/files.h"
#include "common/base/status.h"
#include "tests/support/status_matchers.h"

namespace crossmill::storage {
namespace {

constexpr Sql kInsert{"insert a row", "INSERT INTO t (id, i, d, s, b) VALUES (?1, ?2, ?3, ?4, ?5)"};
constexpr Sql kSelect{"select a row", "SELECT i, d, s, b FROM t WHERE id = ?1"};
constexpr Sql kCount{"count rows", "SELECT count(*) FROM t"};

Database OpenWithTable(const std::string& path = ":memory:") {
  auto database = Database::Open(path);
  EXPECT_OK(database);
  EXPECT_OK(
      database->Execute("make tables",
                        "CREATE TABLE t (id INTEGER PRIMARY KEY, i INTEGER, d REAL, s TEXT, b BLOB) STRICT;"
                        "CREATE TABLE child (t INTEGER NOT NULL REFERENCES t (id)) STRICT"));
  return *std::move(database);
}

template <typename... Values>
absl::Status RunSql(Database& database, const Sql& sql, const Values&... values) {
  auto statement = database.Prepare(sql);
  if (!statement.ok()) return statement.status();
  statement->Bind(values...);
  return statement->Run();
}

TEST(StatementTest, ValuesComeBackAsTheyWereBound) {
  Database database = OpenWithTable();
  const std::string text("zero\0inside", 11);
  const std::string bytes("\xff\x00\xfe", 3);
  ASSERT_OK(RunSql(database, kInsert, 1, int64_t{1} << 62, 0.5, text, Blob{bytes}));
  auto select = database.Prepare(kSelect);
  ASSERT_OK(select);
  select->Bind(1);
  auto row = select->Step();
  ASSERT_OK(row);
  ASSERT_TRUE(*row);
  EXPECT_EQ(select->Int64(0), int64_t{1} << 62);
  EXPECT_EQ(select->Double(1), 0.5);
  EXPECT_EQ(select->Text(2), text);
  EXPECT_EQ(select->Bytes(3), bytes);
}

TEST(StatementTest, EmptyOptionalIsNullAndEmptyTextIsNot) {
  Database database = OpenWithTable();
  ASSERT_OK(RunSql(database, kInsert, 1, std::optional<int64_t>(), std::nullopt, std::string_view(), Blob{}));
  auto select = database.Prepare(kSelect);
  ASSERT_OK(select);
  select->Bind(1);
  ASSERT_OK(select->Step());
  EXPECT_EQ(select->OptionalInt64(0), std::nullopt);
  EXPECT_TRUE(select->IsNull(1));
  EXPECT_FALSE(select->IsNull(2));
  EXPECT_FALSE(select->IsNull(3));
}

TEST(StatementTest, IsUsableAgainAfterTheGuardResetIt) {
  Database database = OpenWithTable();
  auto insert = database.Prepare(kInsert);
  ASSERT_OK(insert);
  for (int id = 1; id <= 2; ++id) {
    StatementUse use(*insert);
    use->Bind(id, id, 0.0, "x", Blob{"y"});
    ASSERT_OK(use->Run());
  }
  EXPECT_EQ(*database.QueryInt64(kCount), 2);
}

TEST(StatementTest, ForgottenParameterIsAnErrorNotANull) {
  Database database = OpenWithTable();
  const absl::Status status = RunSql(database, kInsert, 1, 2);
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(Sv(status.message()), "insert a row: 2 of 5 parameters bound");
}

TEST(StatementTest, ErrorsSayThePurposeAndTheKind) {
  Database database = OpenWithTable();
  ASSERT_OK(RunSql(database, kInsert, 1, 1, 1.0, "a", Blob{"b"}));
  const absl::Status twice = RunSql(database, kInsert, 1, 1, 1.0, "a", Blob{"b"});
  EXPECT_TRUE(absl::IsAlreadyExists(twice)) << twice;
  EXPECT_NE(Sv(twice.message()).find("insert a row: "), std::string_view::npos);
  const absl::Status orphan = RunSql(database, {"insert a child", "INSERT INTO child VALUES (?1)"}, 99);
  EXPECT_TRUE(absl::IsFailedPrecondition(orphan)) << orphan;
  // STRICT tables refuse another type.
  const absl::Status mistyped = RunSql(database, kInsert, 2, "text", 1.0, "a", Blob{"b"});
  EXPECT_TRUE(absl::IsInvalidArgument(mistyped)) << mistyped;
  EXPECT_EQ(database.Prepare({"misspell", "SELEKT 1"}).status().code(), absl::StatusCode::kInternal);
}

TEST(TransactionTest, IsRolledBackUnlessCommitted) {
  Database database = OpenWithTable();
  {
    auto transaction = Transaction::Begin(database);
    ASSERT_OK(transaction);
    ASSERT_OK(RunSql(database, kInsert, 1, 1, 1.0, "a", Blob{"b"}));
  }
  EXPECT_EQ(*database.QueryInt64(kCount), 0);
  {
    auto transaction = Transaction::Begin(database);
    ASSERT_OK(transaction);
    ASSERT_OK(RunSql(database, kInsert, 1, 1, 1.0, "a", Blob{"b"}));
    ASSERT_OK(transaction->Commit());
  }
  EXPECT_EQ(*database.QueryInt64(kCount), 1);
  EXPECT_FALSE(database.InTransaction());
}

TEST(TransactionTest, CommitFailsWhenTheDatabaseRolledBack) {
  Database database = OpenWithTable();
  auto transaction = Transaction::Begin(database);
  ASSERT_OK(transaction);
  ASSERT_OK(database.Execute("as SQLite does when the disk is full", "ROLLBACK"));
  EXPECT_TRUE(absl::IsUnavailable(transaction->Commit()));
}

TEST(DatabaseTest, FileIsPrivateWalAndFullySynchronous) {
  auto folder = TemporaryFolder::Create();
  ASSERT_OK(folder);
  const std::string path = folder->Path("record.sqlite");
  Database database = OpenWithTable(path);
  ASSERT_OK(RunSql(database, kInsert, 1, 1, 1.0, "a", Blob{"b"}));
  for (const char* suffix : {"", "-wal", "-shm"}) {
    struct stat status;
    ASSERT_EQ(stat((path + suffix).c_str(), &status), 0) << suffix;
    EXPECT_EQ(status.st_mode & 0777, 0600u) << suffix;
  }
  EXPECT_EQ(*database.QueryInt64({"read the setting", "PRAGMA synchronous"}), 2);
  EXPECT_EQ(*database.QueryInt64({"read the setting", "PRAGMA foreign_keys"}), 1);
}

TEST(DatabaseTest, SomethingElseInTheFileIsDataLoss) {
  auto folder = TemporaryFolder::Create();
  ASSERT_OK(folder);
  const std::string path = folder->Path("record.sqlite");
  ASSERT_OK(WriteFileAtomic(path, std::string(4096, 'x')));
  const auto database = Database::Open(path);
  EXPECT_TRUE(absl::IsDataLoss(database.status())) << database.status();
  EXPECT_NE(Sv(database.status().message()).find(path), std::string_view::npos);
}

TEST(DatabaseTest, MissingFolderIsNamed) {
  const auto database = Database::Open("/nonexistent/folder/record.sqlite");
  ASSERT_FALSE(database.ok());
  EXPECT_NE(Sv(database.status().message()).find("/nonexistent/folder"), std::string_view::npos);
}

}  // namespace
}  // namespace crossmill::storage
