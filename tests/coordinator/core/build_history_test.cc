#include "coordinator/core/build_history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace crossmill::core {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

v1::CellView CellOf(v1::Verdict verdict, v1::BuildStatus status = v1::BUILD_STATUS_SUCCEEDED) {
  v1::CellView cell;
  cell.mutable_platform()->set_os("linux");
  cell.mutable_platform()->set_architecture("amd64");
  cell.set_status(status);
  cell.mutable_comparison()->set_verdict(verdict);
  return cell;
}

v1::CellView RebuiltCell(v1::RebuildComparison::Result result, v1::Verdict verdict) {
  v1::CellView cell = CellOf(verdict);
  cell.mutable_rebuild()->set_result(result);
  return cell;
}

v1::BuildSubmission Tagged(const std::string& tag) {
  v1::BuildSubmission submission;
  submission.mutable_recipe()->set_dockerfile_name("Dockerfile");
  submission.mutable_options()->add_tags(tag);
  return submission;
}

TEST(BuildHistoryTest, OnlyAVerdictMakesGoodOrBad) {
  EXPECT_EQ(StandingOf(CellOf(v1::VERDICT_REPRODUCIBLE)), v1::STANDING_GOOD);
  EXPECT_EQ(StandingOf(CellOf(v1::VERDICT_UNREPRODUCIBLE)), v1::STANDING_BAD);
  EXPECT_EQ(StandingOf(CellOf(v1::VERDICT_FLAKY)), v1::STANDING_BAD);
  EXPECT_EQ(StandingOf(CellOf(v1::VERDICT_UNSPECIFIED, v1::BUILD_STATUS_FAILED)), v1::STANDING_BAD);
  // Nothing is said of the recipe by these.
  for (const v1::Verdict verdict :
       {v1::VERDICT_UNSPECIFIED, v1::VERDICT_UNVERIFIED, v1::VERDICT_INCONCLUSIVE, v1::VERDICT_INPUT_DRIFT}) {
    EXPECT_EQ(StandingOf(CellOf(verdict)), v1::STANDING_UNKNOWN) << verdict;
  }
  for (const v1::BuildStatus status :
       {v1::BUILD_STATUS_CANCELLED, v1::BUILD_STATUS_INFRASTRUCTURE_FAILED, v1::BUILD_STATUS_TIMED_OUT}) {
    EXPECT_EQ(StandingOf(CellOf(v1::VERDICT_UNSPECIFIED, status)), v1::STANDING_UNKNOWN) << status;
  }
}

TEST(BuildHistoryTest, ARebuildIsGoodOnlyIfItIsEqualAndItsExecutionsAgree) {
  using Rebuild = v1::RebuildComparison;
  EXPECT_EQ(StandingOf(RebuiltCell(Rebuild::RESULT_EQUAL, v1::VERDICT_REPRODUCIBLE)), v1::STANDING_GOOD);
  EXPECT_EQ(StandingOf(RebuiltCell(Rebuild::RESULT_EQUAL, v1::VERDICT_UNVERIFIED)), v1::STANDING_UNKNOWN);
  EXPECT_EQ(StandingOf(RebuiltCell(Rebuild::RESULT_UNKNOWN, v1::VERDICT_REPRODUCIBLE)), v1::STANDING_UNKNOWN);
  EXPECT_EQ(StandingOf(RebuiltCell(Rebuild::RESULT_DIFFERENT, v1::VERDICT_REPRODUCIBLE)), v1::STANDING_BAD);
  EXPECT_EQ(StandingOf(RebuiltCell(Rebuild::RESULT_EQUAL, v1::VERDICT_UNREPRODUCIBLE)), v1::STANDING_BAD);
  // Other packages than then are no fault of the recipe's.
  v1::CellView drifted = RebuiltCell(Rebuild::RESULT_DIFFERENT, v1::VERDICT_REPRODUCIBLE);
  drifted.mutable_rebuild()->mutable_comparison()->set_verdict(v1::VERDICT_INPUT_DRIFT);
  EXPECT_EQ(StandingOf(drifted), v1::STANDING_UNKNOWN);
}

TEST(BuildHistoryTest, NamesAreFoundWithAndWithoutTagsAndDockersAdditions) {
  EXPECT_EQ(HistoryName("app"), "app");
  EXPECT_EQ(HistoryName("app:1.0"), "app");
  EXPECT_EQ(HistoryName("docker.io/library/app:1"), "app");
  EXPECT_EQ(HistoryName("docker.io/team/app"), "team/app");
  EXPECT_EQ(HistoryName("registry:5000/team/app:1@sha256:ab"), "registry:5000/team/app");
  EXPECT_EQ(HistoryName("registry:5000/team/app"), "registry:5000/team/app");
  EXPECT_THAT(HistoryNames(Tagged("registry:5000/team/app:2")), ElementsAre("registry:5000/team/app"));
}

TEST(BuildHistoryTest, WithoutAnImageNameAContextIsFoundByItsPlaceAndItsLastPart) {
  v1::BuildSubmission submission;
  submission.mutable_recipe()->set_dockerfile_name("Dockerfile");
  EXPECT_THAT(HistoryNames(submission), IsEmpty()) << "standard input: nothing tells its builds apart";
  submission.mutable_recipe()->set_context_origin("tower:/home/me/service/");
  EXPECT_THAT(HistoryNames(submission), ElementsAre("service", "tower:/home/me/service/"));
}

TEST(BuildHistoryTest, AnOriginHasNoTagToBeCutOff) {
  const auto names_of = [](const std::string& origin) {
    v1::BuildSubmission submission;
    submission.mutable_recipe()->set_dockerfile_name("Dockerfile");
    submission.mutable_recipe()->set_context_origin(origin);
    return HistoryNames(submission);
  };
  EXPECT_THAT(names_of("git@github.com:team/app.git"), ElementsAre("app.git", "git@github.com:team/app.git"));
  EXPECT_THAT(names_of("git@host:app.git"), ElementsAre("git@host:app.git"));
  EXPECT_THAT(names_of("ssh://***@host/x.git"), ElementsAre("ssh://***@host/x.git", "x.git"));
  EXPECT_THAT(names_of("https://host/mono.git#:web"),
              ElementsAre("https://host/mono.git#:web", "mono.git#:web"));
}

TEST(BuildHistoryTest, OnlyWhatIsReproducibleEverywhereAndNeedsNoClientIsVerifiedAgain) {
  v1::BuildView view;
  view.set_status(v1::BUILD_STATUS_SUCCEEDED);
  view.set_index_digest("sha256:i");
  *view.add_cells() = CellOf(v1::VERDICT_REPRODUCIBLE);
  EXPECT_TRUE(IsReverifiable(Tagged("app"), view));
  v1::BuildSubmission secret = Tagged("app");
  secret.mutable_options()->add_secret_ids("token");
  EXPECT_FALSE(IsReverifiable(secret, view));
  v1::BuildSubmission rebuild = Tagged("app");
  rebuild.mutable_rebuild()->set_build(1);
  EXPECT_FALSE(IsReverifiable(rebuild, view));
  *view.add_cells() = CellOf(v1::VERDICT_INCONCLUSIVE);
  EXPECT_FALSE(IsReverifiable(Tagged("app"), view));
}

TEST(BuildHistoryTest, ARowTellsHostsOnceAndOfARebuildHowItCameOut) {
  v1::CellView cell = RebuiltCell(v1::RebuildComparison::RESULT_DIFFERENT, v1::VERDICT_UNVERIFIED);
  cell.mutable_rebuild()->set_reason("not the image of build 1");
  for (int i = 0; i < 40; ++i) {
    v1::StepComparison& step = *cell.mutable_comparison()->add_steps();
    step.add_witnesses()->set_host_name("tower");
    step.add_witnesses()->set_host_name("host-" + std::to_string(i));
  }
  v1::BuildView view;
  view.set_id(7);
  view.mutable_rebuild()->set_build(1);
  const v1::BuildHistoryRow row = HistoryRowOf(Tagged("app:1"), view, cell);
  EXPECT_EQ(row.host_names_size(), 16);
  EXPECT_EQ(row.rebuild_of(), 1);
  EXPECT_EQ(row.reason(), "not the image of build 1");
  EXPECT_EQ(row.recipe(), "image app, Dockerfile");
  EXPECT_EQ(row.standing(), v1::STANDING_BAD);
}

TEST(BuildHistoryTest, RatesAreOfWhatWasJudged) {
  std::vector<v1::BuildHistoryRow> rows(5);
  for (v1::BuildHistoryRow& row : rows) row.set_recipe("r");
  rows[0].set_verdict(v1::VERDICT_FLAKY);
  rows[1].set_verdict(v1::VERDICT_REPRODUCIBLE);
  rows[2].set_verdict(v1::VERDICT_UNVERIFIED);
  rows[3].set_verdict(v1::VERDICT_INCONCLUSIVE);
  rows[4].set_verdict(v1::VERDICT_UNREPRODUCIBLE);
  const auto counts = CountVerdicts(rows);
  ASSERT_EQ(counts.size(), 1);
  EXPECT_EQ(counts[0].builds(), 5);
  EXPECT_EQ(counts[0].judged(), 3);
  EXPECT_EQ(counts[0].flaky(), 1);
}

}  // namespace
}  // namespace crossmill::core
