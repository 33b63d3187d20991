#include "coordinator/storage/history_records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/status.h"
#include "coordinator/storage/migrations.h"
#include "coordinator/storage/record_store.h"
#include "tests/support/status_matchers.h"

namespace crossmill::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr Sql kCopyBuild{"copy a build",
                         "INSERT INTO builds (id, submission_digest, submission, submitted_at, view, status) "
                         "VALUES (?1, '', ?2, 0, ?3, ?4)"};
constexpr char kRecipe[] = "image app, Dockerfile";
constexpr char kPlatform[] = "linux/amd64";

class HistoryRecordsTest : public ::testing::Test {
 protected:
  static v1::BuildSubmission Submission(const std::string& tag = "app:1") {
    v1::BuildSubmission submission;
    submission.mutable_recipe()->set_dockerfile_name("Dockerfile");
    submission.mutable_options()->add_tags(tag);
    return submission;
  }

  // A build that ended with this verdict at that time; its number.
  int64_t Add(v1::Verdict verdict, int64_t finished_at, v1::BuildSubmission submission = Submission(),
              v1::BuildStatus status = v1::BUILD_STATUS_SUCCEEDED) {
    const auto id = records_->InsertBuild(submission, "", "", finished_at - 1);
    EXPECT_OK(id);
    End(*id, verdict, finished_at, status);
    return *id;
  }
  void End(int64_t id, v1::Verdict verdict, int64_t finished_at,
           v1::BuildStatus status = v1::BUILD_STATUS_SUCCEEDED) {
    v1::BuildView view = records_->LoadView(id).value();
    view.set_status(status);
    view.set_finished_at(finished_at);
    view.set_index_digest("sha256:i");
    view.clear_cells();
    v1::CellView& cell = *view.add_cells();
    cell.mutable_platform()->set_os("linux");
    cell.mutable_platform()->set_architecture("amd64");
    cell.set_status(status);
    cell.mutable_comparison()->set_verdict(verdict);
    if (view.has_rebuild()) cell.mutable_rebuild()->set_result(v1::RebuildComparison::RESULT_EQUAL);
    EXPECT_OK(records_->SaveView(id, view));
  }
  static v1::BuildSubmission RebuildOf(int64_t build) {
    v1::BuildSubmission submission = Submission();
    submission.mutable_rebuild()->set_build(build);
    return submission;
  }
  std::vector<int64_t> Due(int64_t verified_before, int64_t attempted_before = 1'000'000) {
    std::vector<int64_t> ids;
    const std::vector<v1::DueBuild> due = history_.Due(verified_before, attempted_before, 10).value();
    for (const v1::DueBuild& build : due) ids.push_back(build.build_id());
    return ids;
  }

  std::unique_ptr<RecordStore> records_ = *RecordStore::Open(":memory:");
  HistoryRecords history_{records_->connection()};
};

TEST_F(HistoryRecordsTest, ARecipeIsFoundByItsImageNameAndItsRowsAreNewestFirst) {
  const int64_t one = Add(v1::VERDICT_REPRODUCIBLE, 10);
  const int64_t two = Add(v1::VERDICT_UNREPRODUCIBLE, 20);
  Add(v1::VERDICT_REPRODUCIBLE, 30, Submission("other:1"));
  EXPECT_THAT(history_.Recipes("app", 10).value(), ElementsAre(kRecipe));
  EXPECT_THAT(history_.Recipes(kRecipe, 10).value(), ElementsAre(kRecipe));
  EXPECT_THAT(history_.Recipes("ap", 10).value(), IsEmpty());
  EXPECT_THAT(history_.Platforms(kRecipe).value(), ElementsAre(kPlatform));
  const auto rows = history_.Rows(kRecipe, kPlatform, 10).value();
  ASSERT_EQ(rows.size(), 2);
  EXPECT_EQ(rows[0].build_id(), two);
  EXPECT_EQ(rows[0].standing(), v1::STANDING_BAD);
  EXPECT_EQ(rows[1].build_id(), one);
  EXPECT_EQ(history_.Rows(kRecipe, kPlatform, 1).value().size(), 1);
}

TEST_F(HistoryRecordsTest, StandingsAreLookedUpBetweenBuilds) {
  const int64_t good = Add(v1::VERDICT_REPRODUCIBLE, 10);
  Add(v1::VERDICT_UNVERIFIED, 15);
  const int64_t bad = Add(v1::VERDICT_UNREPRODUCIBLE, 20);
  const int64_t worse = Add(v1::VERDICT_FLAKY, 30);
  EXPECT_EQ(history_.Newest(kRecipe, kPlatform, v1::STANDING_BAD, {}).value(), worse);
  EXPECT_EQ(history_.Newest(kRecipe, kPlatform, v1::STANDING_GOOD, {.before = worse}).value(), good);
  EXPECT_EQ(history_.Oldest(kRecipe, kPlatform, v1::STANDING_BAD, {.after = good}).value(), bad);
  EXPECT_EQ(history_.Oldest(kRecipe, kPlatform, v1::STANDING_GOOD, {.after = worse}).value(), std::nullopt);
  EXPECT_EQ(history_.Count(kRecipe, kPlatform, v1::STANDING_UNKNOWN, {good, bad}, 10).value(), 1);
}

TEST_F(HistoryRecordsTest, TheNewestReproducibleBuildOfARecipeIsDueByItsAge) {
  Add(v1::VERDICT_REPRODUCIBLE, 10);
  const int64_t newest = Add(v1::VERDICT_REPRODUCIBLE, 20);
  Add(v1::VERDICT_UNREPRODUCIBLE, 30);
  const int64_t other = Add(v1::VERDICT_REPRODUCIBLE, 15, Submission("other:1"));
  EXPECT_THAT(Due(100), ElementsAre(other, newest)) << "the longest ago first";
  EXPECT_THAT(Due(20), ElementsAre(other)) << "not yet older";
  // Indexed once more, an older build does not come back.
  End(1, v1::VERDICT_REPRODUCIBLE, 40);
  EXPECT_THAT(Due(100), ElementsAre(other, newest));
}

TEST_F(HistoryRecordsTest, ARebuildThatEndsIsAVerificationAndNoBuildToVerify) {
  const int64_t build = Add(v1::VERDICT_REPRODUCIBLE, 20);
  const auto rebuild = records_->InsertBuild(RebuildOf(build), "", "", 50);
  EXPECT_THAT(Due(100, 50), IsEmpty()) << "a rebuild of it is under way";
  End(*rebuild, v1::VERDICT_REPRODUCIBLE, 60);
  EXPECT_THAT(Due(60), IsEmpty());
  EXPECT_THAT(Due(61), ElementsAre(build));
}

TEST_F(HistoryRecordsTest, ARebuildThatTheFarmCouldNotEndIsTriedAgainAfterAWhile) {
  const int64_t build = Add(v1::VERDICT_REPRODUCIBLE, 20);
  Add(v1::VERDICT_UNSPECIFIED, 60, RebuildOf(build), v1::BUILD_STATUS_INFRASTRUCTURE_FAILED);
  EXPECT_THAT(Due(100, 59), IsEmpty());
  EXPECT_THAT(Due(100, 60), ElementsAre(build));
}

TEST_F(HistoryRecordsTest, WhatWasThereBeforeIsFilledIn) {
  const int64_t good = Add(v1::VERDICT_REPRODUCIBLE, 10);
  const int64_t bad = Add(v1::VERDICT_UNREPRODUCIBLE, 20);
  auto database = Database::Open(":memory:");
  ASSERT_OK(database);
  ASSERT_OK(Migrate(*database, ":memory:", EmbeddedMigrations()));
  {
    auto insert = database->Prepare(kCopyBuild);
    ASSERT_OK(insert);
    for (const int64_t id : {good, bad}) {
      const std::string view = records_->LoadView(id)->SerializeAsString();
      const std::string submission = records_->LoadSubmission(id)->SerializeAsString();
      insert->Bind(id, Blob{submission}, Blob{view}, 4);
      ASSERT_OK(insert->Run());
      insert->Reset();
    }
    // Damaged: passed over.
    insert->Bind(9, Blob{"\xff"}, Blob{"\xff"}, 4);
    ASSERT_OK(insert->Run());
  }
  ASSERT_OK(FillBuildHistory(*database));
  Connection connection(*std::move(database));
  HistoryRecords filled(connection);
  EXPECT_EQ(filled.Rows(kRecipe, kPlatform, 10).value().size(), 2);
  EXPECT_EQ(filled.Newest(kRecipe, kPlatform, v1::STANDING_BAD, {}).value(), bad);
  EXPECT_EQ(filled.Due(100, 100, 10).value().size(), 1);
}

TEST_F(HistoryRecordsTest, OldNamesOfContextsAreWrittenAnew) {
  v1::BuildSubmission submission = Submission();
  submission.mutable_options()->clear_tags();
  submission.mutable_recipe()->set_context_origin("git@host:team/app.git");
  Add(v1::VERDICT_REPRODUCIBLE, 10, submission);
  Add(v1::VERDICT_REPRODUCIBLE, 20);
  constexpr Sql kOldName{"give a recipe a name of before",
                         "UPDATE recipe_names SET name = 'git' WHERE name = 'git@host:team/app.git'"};
  auto database = Database::Open(":memory:");
  ASSERT_OK(database);
  std::vector<Migration> before = RecordMigrations();
  const auto notices = std::find_if(before.begin(), before.end(), [](const Migration& migration) {
    return std::string_view(migration.name).ends_with("_notices.sql");
  });
  ASSERT_NE(notices, before.end());
  before.erase(notices, before.end());
  ASSERT_OK(Migrate(*database, ":memory:", before));
  for (const int64_t id : {1, 2}) {
    auto insert = database->Prepare(kCopyBuild);
    ASSERT_OK(insert);
    const std::string view = records_->LoadView(id)->SerializeAsString();
    const std::string bytes = records_->LoadSubmission(id)->SerializeAsString();
    insert->Bind(id, Blob{bytes}, Blob{view}, 4);
    ASSERT_OK(insert->Run());
  }
  ASSERT_OK(FillBuildHistory(*database));
  {
    auto rename = database->Prepare(kOldName);
    ASSERT_OK(rename);
    ASSERT_OK(rename->Run());
  }
  ASSERT_OK(Migrate(*database, ":memory:", RecordMigrations()));
  Connection connection(*std::move(database));
  HistoryRecords filled(connection);
  EXPECT_THAT(filled.Recipes("git", 10).value(), IsEmpty());
  EXPECT_THAT(filled.Recipes("git@host:team/app.git", 10).value(),
              ElementsAre("context git@host:team/app.git, Dockerfile"));
  EXPECT_THAT(filled.Recipes("app", 10).value(), ElementsAre(kRecipe));
}

// How long an answer takes must not follow how much is on record.
TEST_F(HistoryRecordsTest, EveryQuestionIsAnsweredFromAnIndex) {
  auto database = Database::Open(":memory:");
  ASSERT_OK(database);
  ASSERT_OK(Migrate(*database, ":memory:", EmbeddedMigrations()));
  for (const Sql* sql : HistoryStatements()) {
    const std::string text = std::string("EXPLAIN QUERY PLAN ") + sql->text;
    const Sql explain{"explain", text.c_str()};
    auto plan = database->Prepare(explain);
    ASSERT_OK(plan);
    constexpr std::nullopt_t kNull = std::nullopt;
    int values = 0;
    while (text.find(fmt::format("?{}", values + 1)) != std::string::npos) ++values;
    if (values == 1) plan->Bind(kNull);
    if (values == 2) plan->Bind(kNull, kNull);
    if (values == 3) plan->Bind(kNull, kNull, kNull);
    if (values == 4) plan->Bind(kNull, kNull, kNull, kNull);
    if (values == 5) plan->Bind(kNull, kNull, kNull, kNull, kNull);
    ASSERT_TRUE(values <= 5) << sql->text;
    while (plan->Step().value()) {
      EXPECT_THAT(std::string(plan->Text(3)), Not(HasSubstr("SCAN"))) << sql->text;
      EXPECT_THAT(std::string(plan->Text(3)), Not(HasSubstr("TEMP B-TREE"))) << sql->text;
    }
  }
}

}  // namespace
}  // namespace crossmill::storage
