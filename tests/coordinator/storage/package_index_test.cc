// Records of before there were questions about packages: filled with the old schema, migrated, and the same
// answers as of a record that was kept with the new one.
#include "coordinator/storage/package_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/files.h"
#include "common/base/status.h"
#include "coordinator/storage/migrations.h"
#include "tests/coordinator/storage/package_fixture.h"

namespace crossmill::storage {
namespace {

using ::testing::IsEmpty;

// The last version before there was any of it.
constexpr size_t kOldVersion = 7;

class PackageIndexTest : public PackageRecordFixture {
 protected:
  void SetUp() override {
    auto folder = TemporaryFolder::Create();
    ASSERT_OK(folder);
    folder_.emplace(*std::move(folder));
    Open(New());
  }
  std::string New() const { return folder_->Path("new.db"); }
  std::string Old() const { return folder_->Path("old.db"); }

  // What the new record holds, in one of the old schema.
  void MakeOld() {
    auto database = Database::Open(Old());
    ASSERT_OK(database);
    ASSERT_OK(Migrate(*database, Old(), EmbeddedMigrations().subspan(0, kOldVersion)));
    ASSERT_OK(database->Execute("attach", "ATTACH '" + New() + "' AS new"));
    Copy(*database, "builds");
    ASSERT_OK(database->Execute(
        "copy",
        "INSERT INTO executions (id, key, build, stage, step_number, replica, worker, host_id, host_name, "
        "emulated, started_at, finished_at, duration_ns, exit_code, failure, tar_hash, tar_size) "
        "SELECT id, key, build, stage, step_number, replica, worker, host_id, host_name, emulated, "
        "started_at, "
        "finished_at, duration_ns, exit_code, failure, tar_hash, tar_size FROM new.executions"));
    Copy(*database, "packages");
  }
  // The columns that the old schema has.
  static void Copy(Database& database, const std::string& table) {
    const std::string sql = "SELECT group_concat(name) FROM pragma_table_info('" + table + "')";
    const Sql names{"list columns", sql.c_str()};
    auto query = database.Prepare(names);
    ASSERT_OK(query);
    ASSERT_OK(query->Step());
    const std::string columns(query->Text(0));
    ASSERT_OK(database.Execute(
        "copy", "INSERT INTO " + table + " (" + columns + ") SELECT " + columns + " FROM new." + table));
  }
  // Rows of the two records that the other one does not have, by table.
  std::vector<std::string> Differences() {
    auto database = Database::Open(Old());
    EXPECT_OK(database);
    EXPECT_OK(database->Execute("attach", "ATTACH '" + New() + "' AS new"));
    std::vector<std::string> differences;
    for (const std::string table : {"package_history", "package_releases", "compilations", "package_steps",
                                    "ended_builds", "recipe_cells", "executions"}) {
      const std::string columns = table == "executions" ? "id, platform" : "*";
      const auto rows = [&](const std::string& schema) {
        return "SELECT " + columns + " FROM " + schema + "." + table;
      };
      const std::string sql = "SELECT (SELECT count(*) FROM (" + rows("main") + " EXCEPT " + rows("new") +
                              ")) + (SELECT count(*) FROM (" + rows("new") + " EXCEPT " + rows("main") + "))";
      const auto different = database->QueryInt64({"compare", sql.c_str()});
      EXPECT_OK(different);
      const std::string count = "SELECT count(*) FROM new." + table;
      // A comparison of nothing with nothing would say little.
      EXPECT_GT(*database->QueryInt64({"count", count.c_str()}), 0) << table;
      if (*different != 0) differences.push_back(fmt::format("{}: {}", table, *different));
    }
    return differences;
  }

  void FillVaried() {
    Build({MakePackage("numpy", "1.0"), MakePackage("click", "8")});
    const int64_t first = Submit("example/app:2", {{"PYTHON", "3.11"}});
    const int64_t amd = Execute(first, {MakePackage("numpy", "1.1", v1::OUTCOME_SOURCE, 40),
                                        MakePackage("setuptools", "80", v1::OUTCOME_WHEEL, 1, "build-dep")});
    v1::PackageOutcome fork = MakePackage("fork", "0", v1::OUTCOME_VCS, 5);
    fork.set_built_sha256(Sha256Hex("wheel"));
    const int64_t arm = Execute(first, {MakePackage("numpy", "1.1", v1::OUTCOME_SOURCE, 310), fork},
                                {.platform = "linux/arm64", .emulated = true});
    Execute(first, {MakePackage("numpy", "1.1", v1::OUTCOME_SOURCE, 41)}, {.replica = 1});
    // Its stage is the first of the build.
    End(first, {amd, arm});
    const int64_t cached = Submit("");
    End(cached, {amd}, v1::BUILD_STATUS_SUCCEEDED, v1::STEP_STATUS_CACHED);
    const int64_t failed = Submit();
    End(failed, {Execute(failed, {MakePackage("numpy", "2.0", v1::OUTCOME_FAILED, 3)}, {.failed = true})},
        v1::BUILD_STATUS_FAILED, v1::STEP_STATUS_FAILED);
  }

  std::optional<TemporaryFolder> folder_;
};

TEST_F(PackageIndexTest, AMigratedRecordGivesTheSameAnswers) {
  FillVaried();
  // A build that was running: its platforms are in its plan.
  const int64_t running = Submit();
  v1::BuildPlan plan;
  *plan.add_stages()->mutable_platform() = *ParsePlatform("linux/arm64");
  ASSERT_OK(store_->SavePlan(running, plan));
  Execute(running, {MakePackage("numpy", "1.2")}, {.platform = "linux/arm64"});
  store_.reset();
  // The fixture has all executions in stage 0; in a record of before only the stage told the platform.
  {
    auto database = Database::Open(New());
    ASSERT_OK(database);
    ASSERT_OK(database->Execute("its stage",
                                "UPDATE executions SET stage = 1 WHERE platform = 'linux/arm64' AND "
                                "build = 2"));
  }
  MakeOld();
  {
    auto migrated = RecordStore::Open(Old());
    ASSERT_OK(migrated);
  }
  EXPECT_THAT(Differences(), IsEmpty());
  EXPECT_TRUE(Exists(PathBeforeMigration(Old(), EmbeddedMigrations().back().version)));
}

TEST_F(PackageIndexTest, WhatCannotBeReadIsPassedOver) {
  FillVaried();
  store_.reset();
  MakeOld();
  {
    auto database = Database::Open(Old());
    ASSERT_OK(database);
    ASSERT_OK(database->Execute("damage",
                                "UPDATE builds SET view = x'ff' WHERE id = 1;"
                                "UPDATE builds SET submission = x'ff' WHERE id = 3"));
  }
  auto migrated = RecordStore::Open(Old());
  ASSERT_OK(migrated);
  PackageQueries queries((*migrated)->connection());
  const auto any = [](std::string_view) { return true; };
  const auto uses = queries.Uses("numpy", any, {});
  ASSERT_OK(uses);
  // Build 1 is missing; of build 3 only what its submission says.
  ASSERT_EQ(uses->rows_size(), 3);
  EXPECT_EQ(uses->rows(0).build_id(), 3);
  EXPECT_EQ(uses->rows(1).build_id(), 2);
  const auto history = queries.History("click", {});
  ASSERT_OK(history);
  ASSERT_EQ(history->rows_size(), 1);
  EXPECT_FALSE(history->rows(0).has_platform());
  EXPECT_OK((*migrated)->LoadView(2));
}

TEST_F(PackageIndexTest, ANewRecordHasNothingToFill) {
  auto database = Database::Open(":memory:");
  ASSERT_OK(database);
  ASSERT_OK(Migrate(*database, ":memory:", RecordMigrations()));
  EXPECT_OK(FillPackageIndex(*database));
}

}  // namespace
}  // namespace crossmill::storage
