// No question about packages, and nothing that is done for every step, reads a table from one end to the
// other.
#include "coordinator/storage/package_statements.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "common/base/status.h"
#include "coordinator/storage/migrations.h"
#include "coordinator/storage/package_index.h"
#include "tests/support/status_matchers.h"

namespace crossmill::storage {
namespace {

class PackageStatementsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto database = Database::Open(":memory:");
    ASSERT_OK(database);
    database_ = *std::move(database);
    ASSERT_OK(Migrate(database_, ":memory:", RecordMigrations()));
  }

  // NULL for each of ?1, ?2, ...
  static void BindAll(const std::string& text, Statement& statement) {
    int count = 0;
    while (text.find(fmt::format("?{}", count + 1)) != std::string::npos) ++count;
    constexpr std::nullopt_t kNull = std::nullopt;
    if (count == 1) statement.Bind(kNull);
    if (count == 2) statement.Bind(kNull, kNull);
    if (count == 3) statement.Bind(kNull, kNull, kNull);
    if (count == 4) statement.Bind(kNull, kNull, kNull, kNull);
    if (count == 5) statement.Bind(kNull, kNull, kNull, kNull, kNull);
    if (count == 6) statement.Bind(kNull, kNull, kNull, kNull, kNull, kNull);
    ASSERT_LE(count, 6);
  }

  // "SEARCH ..." and "SCAN ..." lines that read a whole table or sort what they have read.
  std::string Breaches(const Sql& sql) {
    const std::string text = std::string("EXPLAIN QUERY PLAN ") + sql.text;
    auto plan = database_.Prepare({sql.purpose, text.c_str()});
    EXPECT_OK(plan);
    BindAll(text, *plan);
    std::string breaches;
    int lines = 0;
    while (true) {
      const auto row = plan->Step();
      EXPECT_OK(row);
      if (!row.ok() || !*row) break;
      ++lines;
      const std::string detail(plan->Text(3));
      const bool scan = detail.starts_with("SCAN ") && detail != "SCAN each_one" &&
                        detail != "SCAN CONSTANT ROW" && !detail.starts_with("SCAN (subquery");
      if (scan || detail.starts_with("USE TEMP B-TREE")) breaches += detail + "\n";
    }
    EXPECT_GT(lines, 0) << sql.purpose;
    return breaches;
  }

  Database database_;
};

TEST_F(PackageStatementsTest, QuestionsUseAnIndex) {
  for (const Sql* sql : kPackageStatements) EXPECT_EQ(Breaches(*sql), "") << sql->purpose;
}

TEST_F(PackageStatementsTest, WhatIsDoneForEveryStepUsesAnIndex) {
  for (const Sql* sql : PackageIndexStatements()) EXPECT_EQ(Breaches(*sql), "") << sql->purpose;
}

// The check itself finds what it looks for.
TEST_F(PackageStatementsTest, AScanAndASortAreFound) {
  EXPECT_NE(Breaches({"scan", "SELECT 1 FROM packages WHERE version = ?1"}), "");
  EXPECT_NE(Breaches({"sort", "SELECT 1 FROM compilations WHERE platform = ?1 ORDER BY name"}), "");
}

}  // namespace
}  // namespace crossmill::storage
