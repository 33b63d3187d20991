#include "coordinator/core/standing/state_changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/types/span.h"

namespace crossmill::core {
namespace {

// All of a name on a platform, from the first build on.
std::vector<v1::StateChange> ChangesOfState(const std::string& name,
                                            absl::Span<const v1::BuildHistoryRow> rows) {
  std::vector<v1::StateChange> changes;
  v1::NameState state;
  state.set_name(name);
  for (const v1::BuildHistoryRow& row : rows) {
    if (auto change = ApplyToState(row, &state)) changes.push_back(*std::move(change));
  }
  return changes;
}

using ::testing::ElementsAre;
using ::testing::IsEmpty;

v1::BuildHistoryRow StateRow(int64_t build, v1::BuildStatus status,
                             v1::Verdict verdict = v1::VERDICT_UNVERIFIED) {
  v1::BuildHistoryRow row;
  row.set_build_id(build);
  row.set_finished_at(build * 10);
  row.set_status(status);
  row.set_verdict(verdict);
  row.set_reason("because");
  return row;
}

v1::BuildHistoryRow Good(int64_t build, v1::Verdict verdict = v1::VERDICT_UNVERIFIED) {
  return StateRow(build, v1::BUILD_STATUS_SUCCEEDED, verdict);
}

std::vector<int64_t> BuildsOf(const std::vector<v1::StateChange>& changes) {
  std::vector<int64_t> builds;
  for (const v1::StateChange& change : changes) builds.push_back(change.build_id());
  return builds;
}

TEST(StateChangesTest, OnlyChangesAreTold) {
  const auto changes = ChangesOfState("app", {Good(1), Good(2), StateRow(3, v1::BUILD_STATUS_FAILED),
                                              StateRow(4, v1::BUILD_STATUS_FAILED), Good(5), Good(6)});
  EXPECT_THAT(BuildsOf(changes), ElementsAre(1, 3, 5));
  EXPECT_EQ(changes[0].status_before(), v1::BUILD_STATUS_UNSPECIFIED);
  EXPECT_EQ(changes[0].status(), v1::BUILD_STATUS_SUCCEEDED);
  EXPECT_EQ(changes[1].status_before(), v1::BUILD_STATUS_SUCCEEDED);
  EXPECT_EQ(changes[1].status(), v1::BUILD_STATUS_FAILED);
  EXPECT_EQ(changes[1].name(), "app");
  EXPECT_EQ(changes[1].changed_at(), 30);
  EXPECT_EQ(changes[1].reason(), "because");
}

TEST(StateChangesTest, WhatSaysNothingOfTheRecipeChangesNothing) {
  EXPECT_THAT(BuildsOf(ChangesOfState("app", {Good(1), StateRow(2, v1::BUILD_STATUS_CANCELLED),
                                              StateRow(3, v1::BUILD_STATUS_INFRASTRUCTURE_FAILED), Good(4)})),
              ElementsAre(1));
  EXPECT_THAT(ChangesOfState("app", {StateRow(1, v1::BUILD_STATUS_CANCELLED)}), IsEmpty());
  EXPECT_THAT(BuildsOf(ChangesOfState("app", {Good(1), StateRow(2, v1::BUILD_STATUS_TIMED_OUT)})),
              ElementsAre(1, 2));
}

TEST(StateChangesTest, AVerdictStandsUntilAnotherIsGiven) {
  const auto changes = ChangesOfState(
      "app", {Good(1, v1::VERDICT_REPRODUCIBLE), Good(2), Good(3, v1::VERDICT_INCONCLUSIVE),
              StateRow(4, v1::BUILD_STATUS_FAILED, v1::VERDICT_FAILED), Good(5, v1::VERDICT_REPRODUCIBLE),
              Good(6, v1::VERDICT_UNREPRODUCIBLE), Good(7, v1::VERDICT_INPUT_DRIFT)});
  EXPECT_THAT(BuildsOf(changes), ElementsAre(1, 4, 5, 6, 7));
  EXPECT_EQ(changes[1].verdict(), v1::VERDICT_REPRODUCIBLE) << "a failure takes no verdict back";
  EXPECT_EQ(changes[3].status_before(), changes[3].status());
  EXPECT_EQ(changes[3].verdict_before(), v1::VERDICT_REPRODUCIBLE);
  EXPECT_EQ(changes[3].verdict(), v1::VERDICT_UNREPRODUCIBLE);
}

TEST(StateChangesTest, BothMayChangeAtOnce) {
  const auto changes =
      ChangesOfState("app", {StateRow(1, v1::BUILD_STATUS_FAILED), Good(2, v1::VERDICT_UNREPRODUCIBLE)});
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[1].status(), v1::BUILD_STATUS_SUCCEEDED);
  EXPECT_EQ(changes[1].verdict(), v1::VERDICT_UNREPRODUCIBLE);
}

TEST(StateChangesTest, AnOlderBuildThatEndsLaterSaysNothingNew) {
  v1::NameState state;
  EXPECT_TRUE(ApplyToState(Good(5, v1::VERDICT_REPRODUCIBLE), &state).has_value());
  EXPECT_FALSE(ApplyToState(StateRow(3, v1::BUILD_STATUS_FAILED), &state).has_value());
  EXPECT_FALSE(ApplyToState(Good(4, v1::VERDICT_FLAKY), &state).has_value());
  EXPECT_EQ(state.status_build(), 5);
  // The same once more is none, but what it is now known to be counts.
  EXPECT_FALSE(ApplyToState(Good(5, v1::VERDICT_REPRODUCIBLE), &state).has_value());
  EXPECT_TRUE(ApplyToState(Good(5, v1::VERDICT_FLAKY), &state).has_value());
}

TEST(StateChangesTest, SinceIsTheEndOfTheBuildThatChangedIt) {
  v1::NameState state;
  ApplyToState(Good(1, v1::VERDICT_REPRODUCIBLE), &state);
  ApplyToState(Good(2, v1::VERDICT_REPRODUCIBLE), &state);
  EXPECT_EQ(state.status_since(), 10);
  EXPECT_EQ(state.status_build(), 2);
  EXPECT_EQ(state.verdict_since(), 10);
  EXPECT_EQ(state.verdict_build(), 2);
}

TEST(StateChangesTest, ARebuildChangesTheVerdictOnly) {
  v1::BuildHistoryRow failed = StateRow(2, v1::BUILD_STATUS_FAILED);
  failed.set_rebuild_of(1);
  failed.set_standing(v1::STANDING_BAD);
  v1::BuildHistoryRow different = Good(3, v1::VERDICT_REPRODUCIBLE);
  different.set_rebuild_of(1);
  different.set_standing(v1::STANDING_BAD);
  v1::BuildHistoryRow equal = Good(4);
  equal.set_rebuild_of(1);
  v1::BuildHistoryRow good = Good(5, v1::VERDICT_REPRODUCIBLE);
  good.set_rebuild_of(1);
  good.set_standing(v1::STANDING_GOOD);
  const auto changes =
      ChangesOfState("app", {Good(1, v1::VERDICT_REPRODUCIBLE), failed, different, equal, good});
  EXPECT_THAT(BuildsOf(changes), ElementsAre(1, 3, 5));
  EXPECT_EQ(changes[1].verdict(), v1::VERDICT_UNREPRODUCIBLE)
      << "its own executions agree, and differ from then";
  EXPECT_EQ(changes[2].verdict(), v1::VERDICT_REPRODUCIBLE);
}

TEST(StateNamesTest, ImageNamesWithoutTagsElseWhereTheContextCameFrom) {
  v1::BuildSubmission submission;
  EXPECT_THAT(StateNames(submission), IsEmpty());
  submission.mutable_recipe()->set_context_origin("/src/app");
  EXPECT_THAT(StateNames(submission), ElementsAre("/src/app"));
  submission.mutable_options()->add_tags("docker.io/team/app:1");
  submission.mutable_options()->add_tags("team/app:2");
  submission.mutable_options()->add_tags("other");
  EXPECT_THAT(StateNames(submission), ElementsAre("other", "team/app"));
  submission.mutable_wheels();
  EXPECT_THAT(StateNames(submission), IsEmpty());
}

TEST(StateNamesTest, RepositoriesWithCutOffTextInCommonAreTold) {
  for (const char* origin :
       {"git@github.com:team/app.git", "git@github.com:team/other.git", "git@host:app.git",
        "ssh://***@host/x.git", "ssh://***@host/y.git", "https://host/mono.git#:api",
        "https://host/mono.git#:web", "tower:/home/me/app@2", "tower:/home/me/app:2"}) {
    v1::BuildSubmission submission;
    submission.mutable_recipe()->set_context_origin(origin);
    EXPECT_THAT(StateNames(submission), ElementsAre(origin));
  }
}

TEST(MatchesNamesTest, StarsGoOverSlashes) {
  EXPECT_TRUE(MatchesNames("", "anything"));
  EXPECT_TRUE(MatchesNames("team/*", "team/app/sub"));
  EXPECT_TRUE(MatchesNames("*", "team/app"));
  EXPECT_TRUE(MatchesNames("app-[12]", "app-2"));
  EXPECT_FALSE(MatchesNames("team/*", "other/team/app"));
  EXPECT_FALSE(MatchesNames("app", "application"));
  EXPECT_TRUE(MatchesNames("a\\b", "a\\b"));
}

}  // namespace
}  // namespace crossmill::core
