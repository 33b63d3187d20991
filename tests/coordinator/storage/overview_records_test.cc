#include "coordinator/storage/overview/overview_records.h"

#include <gmock/gmock.h>

#include "common/base/files.h"
#include "common/base/status.h"
#include "coordinator/overview/trend_spans.h"
#include "coordinator/storage/migrations.h"
#include "coordinator/storage/overview/overview_index.h"
#include "tests/coordinator/storage/overview_fixture.h"

namespace crossmill::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int64_t kInNanoseconds = 1'000'000'000;

class OverviewRecordsTest : public OverviewFixture {
 protected:
  std::vector<v1::WallRow> Wall(const std::optional<WallPlace>& behind = std::nullopt, int limit = 100) {
    return overview_->Wall(core::Scope::OfFarm(), behind, limit).value();
  }
  std::vector<std::string> Names() {
    std::vector<std::string> names;
    for (const v1::WallRow& row : Wall()) names.push_back(row.name());
    return names;
  }
  // Of the first two days since 1970.
  std::vector<v1::TrendSpan> Trends() {
    std::vector<v1::TrendSpan> spans =
        overview::MakeSpans(absl::UnixEpoch() + absl::Hours(30), absl::UTCTimeZone(), 2, false);
    EXPECT_OK(overview_->AddHours(&spans));
    overview::FinishSpans(&spans);
    return spans;
  }
  // An execution of a step of the build, which began then, with a package that was compiled.
  int64_t Execute(int64_t build, int64_t started_at) {
    Execution execution;
    execution.key = "k";
    execution.build = build;
    execution.started_at = started_at;
    const int64_t id = records_->BeginExecution(execution).value();
    EXPECT_OK(records_->FinishExecution(id, {}, started_at + kInNanoseconds));
    v1::PackageOutcome package;
    package.set_name("numpy");
    package.set_outcome(v1::OUTCOME_SOURCE);
    package.set_seconds(40);
    EXPECT_OK(records_->SavePackages(id, std::vector<v1::PackageOutcome>{package}));
    return id;
  }
  void Reopen(const std::string& path) {
    overview_.reset();
    records_ = *RecordStore::Open(path);
    overview_.emplace(records_->connection());
  }

  std::optional<OverviewRecords> overview_{records_->connection()};
};

TEST_F(OverviewRecordsTest, WhatNeedsALookIsFirstThenWhatChangedLast) {
  EXPECT_THAT(Wall(), IsEmpty());
  Add({.tag = "steady:1", .submitted_at = 100});
  Add({.tag = "broken:1", .status = v1::BUILD_STATUS_FAILED, .submitted_at = 200});
  Add({.tag = "changed:1", .status = v1::BUILD_STATUS_FAILED, .submitted_at = 300});
  Add({.tag = "changed:2", .submitted_at = 400});
  Add({.tag = "flaky:2", .verdict = v1::VERDICT_FLAKY, .submitted_at = 500});
  EXPECT_THAT(Names(), ElementsAre("flaky", "broken", "changed", "steady"));
  Add({.tag = "steady:2", .status = v1::BUILD_STATUS_INFRASTRUCTURE_FAILED, .submitted_at = 600});
  EXPECT_THAT(Names(), ElementsAre("steady", "flaky", "broken", "changed"));
}

TEST_F(OverviewRecordsTest, PagesOfTheWallJoinWithoutGapOrRepetition) {
  for (int i = 0; i < 23; ++i) {
    Add({.tag = "app" + std::to_string(i) + ":1",
         .status = i % 3 == 0 ? v1::BUILD_STATUS_FAILED : v1::BUILD_STATUS_SUCCEEDED,
         .submitted_at = 100 + i % 5});
  }
  const std::vector<std::string> all = Names();
  ASSERT_THAT(all, SizeIs(23));
  std::vector<std::string> joined;
  std::optional<WallPlace> behind;
  for (auto rows = Wall(behind, 4); !rows.empty(); rows = Wall(behind, 4)) {
    for (const v1::WallRow& row : rows) joined.push_back(row.name());
    behind = OverviewRecords::PlaceOf(rows.back());
  }
  EXPECT_EQ(joined, all);
}

TEST_F(OverviewRecordsTest, ARowHasTheLastBuildsOfEachPlatform) {
  for (int i = 0; i < 25; ++i) Add({.tag = "app:1", .platforms = {"linux/amd64"}, .submitted_at = i});
  const int64_t newest = Add({.tag = "app:2",
                              .status = v1::BUILD_STATUS_FAILED,
                              .platforms = {"linux/arm64"},
                              .message = "exit code 1",
                              .submitted_at = 90});
  const auto rows = Wall();
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(rows[0].build_id(), newest);
  EXPECT_EQ(rows[0].message(), "exit code 1");
  EXPECT_TRUE(rows[0].needs_look());
  ASSERT_EQ(rows[0].cells_size(), 2);
  ASSERT_EQ(rows[0].cells(0).strip_builds_size(), 20);
  EXPECT_EQ(rows[0].cells(0).strip_builds(0), 6);
  EXPECT_EQ(rows[0].cells(0).strip_builds(19), 25);
  EXPECT_EQ(rows[0].cells(0).strip(), std::string(20, 'c'));
  EXPECT_EQ(rows[0].cells(1).strip(), "f");
  EXPECT_EQ(rows[0].cells(1).status(), v1::BUILD_STATUS_FAILED);
}

TEST_F(OverviewRecordsTest, SavingABuildOnceMoreChangesNothing) {
  const TestBuild described = {.status = v1::BUILD_STATUS_FAILED};
  const int64_t id = Add(described);
  const std::string wall = Wall()[0].SerializeAsString();
  ASSERT_OK(records_->SaveView(id, records_->LoadView(id).value()));
  EXPECT_EQ(Wall()[0].SerializeAsString(), wall);
  EXPECT_EQ(Trends()[0].sums().builds(), 1);
}

TEST_F(OverviewRecordsTest, SumsAreOfTheDayInWhichABuildEnded) {
  const TestBuild described = {
      .verdict = v1::VERDICT_REPRODUCIBLE, .submitted_at = 1000 * kInNanoseconds, .took = kInNanoseconds};
  const int64_t id = Submit(described);
  v1::BuildView view = EndedView(id, described);
  v1::StepView& step = *view.mutable_stages(0)->add_steps();
  step.set_status(v1::STEP_STATUS_EXECUTED);
  step.set_seconds(60);
  step.set_execution(Execute(id, 1005 * kInNanoseconds));
  ASSERT_OK(records_->SaveView(id, view));
  Add({.status = v1::BUILD_STATUS_FAILED, .submitted_at = 90'000 * kInNanoseconds});
  Add({.submitted_at = 90'000 * kInNanoseconds, .wheels = true});
  const std::vector<v1::TrendSpan> spans = Trends();
  ASSERT_THAT(spans, SizeIs(2));
  const v1::TrendSums& first = spans[0].sums();
  EXPECT_EQ(first.builds(), 1);
  EXPECT_EQ(first.succeeded(), 1);
  ASSERT_EQ(first.platforms_size(), 1);
  EXPECT_EQ(first.platforms(0).reproducible(), 1);
  EXPECT_EQ(first.platforms(0).executed_steps(), 1);
  EXPECT_EQ(first.platforms(0).executed_seconds(), 60);
  EXPECT_EQ(first.platforms(0).cached_steps(), 1);
  EXPECT_EQ(first.platforms(0).saved_seconds(), 8);
  EXPECT_EQ(first.platforms(0).compiled_packages(), 1);
  EXPECT_EQ(first.platforms(0).compile_seconds(), 40);
  EXPECT_NEAR(spans[0].wait_median(), 5, 0.5);
  const v1::TrendSums& second = spans[1].sums();
  EXPECT_EQ(second.builds(), 1) << "one that compiles for another is not counted";
  EXPECT_EQ(second.failed(), 1);
  EXPECT_EQ(second.platforms(0).cells_failed(), 1);
  EXPECT_EQ(second.platforms(0).cached_steps(), 2) << "its work is";
  EXPECT_EQ(spans[1].wait_median(), 0);
}

TEST_F(OverviewRecordsTest, TheMigrationFillsItsTables) {
  int fills = 0;
  for (const Migration& migration : RecordMigrations()) fills += migration.fill == FillOverview ? 1 : 0;
  EXPECT_EQ(fills, 1);
}

// A record of before the tables has in them after the migration what it would have if they had always been
// there.
TEST_F(OverviewRecordsTest, TheMigrationMakesWhatIsMadeBuildByBuild) {
  const TemporaryFolder folder = *TemporaryFolder::Create();
  const std::string path = folder.Path("record.db");
  Reopen(path);
  for (int i = 0; i < 30; ++i) {
    Add({.tag = i % 3 == 0 ? "" : "app" + std::to_string(i % 4) + ":1",
         .status = i % 5 == 0 ? v1::BUILD_STATUS_FAILED : v1::BUILD_STATUS_SUCCEEDED,
         .verdict = i % 7 == 0 ? v1::VERDICT_FLAKY : v1::VERDICT_REPRODUCIBLE,
         .submitted_at = i * 3'000 * kInNanoseconds,
         .wheels = i % 11 == 10});
  }
  const int64_t executed = Submit({.submitted_at = 2000});
  v1::BuildView view = EndedView(executed, {.submitted_at = 2000});
  view.mutable_stages(0)->mutable_steps(0)->set_status(v1::STEP_STATUS_EXECUTED);
  view.mutable_stages(0)->mutable_steps(0)->set_execution(Execute(executed, 3000));
  ASSERT_OK(records_->SaveView(executed, view));
  // Maps have no order of their own in bytes.
  const auto all = [&] {
    std::string text;
    for (const v1::WallRow& row : Wall()) text += row.DebugString();
    for (const v1::TrendSpan& span : Trends()) text += span.DebugString();
    Database database = *Database::Open(path);
    for (const char* sql :
         {"SELECT group_concat(build || submitted_at || finished_at || status || verdicts || platforms || "
          "names || labels || target || text, '|') FROM build_list ORDER BY build",
          "SELECT group_concat(hex(head), '|') FROM build_heads ORDER BY build"}) {
      Statement statement = *database.Prepare({"read all", sql});
      EXPECT_TRUE(*statement.Step());
      text += statement.Text(0);
    }
    return text;
  };
  const std::string before = all();
  ASSERT_GT(before.size(), 1000u);
  records_.reset();
  {
    Database database = *Database::Open(path);
    Transaction transaction = *Transaction::Begin(database);
    ASSERT_OK(database.Execute("forget all",
                               "DELETE FROM build_list; DELETE FROM build_heads; "
                               "DELETE FROM wall_rows; DELETE FROM trend_hours"));
    ASSERT_OK(FillOverview(database));
    ASSERT_OK(transaction.Commit());
  }
  Reopen(path);
  EXPECT_EQ(all(), before);
}

}  // namespace
}  // namespace crossmill::storage
