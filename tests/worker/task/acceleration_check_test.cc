// Whose fault a difference between accelerated and emulated executions is, with made-up executions.
#include "worker/task/acceleration_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "common/base/digest.h"
#include "common/base/status.h"
#include "tests/support/status_matchers.h"

namespace crossmill::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kNanos = 1'000'000'000;

v1::StepResult Made(std::string_view layer, int64_t seconds = 1) {
  v1::StepResult result;
  ToProto(DigestOf(layer), result.mutable_layer()->mutable_tar());
  result.set_started_at(kNanos);
  result.set_finished_at(kNanos + seconds * kNanos);
  return result;
}

v1::StepResult Accelerated(std::string_view layer, int64_t seconds = 1) {
  v1::StepResult result = Made(layer, seconds);
  result.mutable_acceleration()->set_set("test");
  result.mutable_acceleration()->set_digest("sha256:set");
  return result;
}

v1::StepResult Failed(const std::string& failure) {
  v1::StepResult result;
  result.set_exit_code(1);
  result.set_failure(failure);
  return result;
}

// Gives what was laid down, in order, and notes what was asked for.
class AccelerationCheckTest : public ::testing::Test {
 protected:
  absl::Status Compare(v1::StepResult* result) { return CompareWithEmulated(step_, Again(), path_, result); }
  absl::Status SettleAt(v1::StepResult* result) {
    step_.set_expected_accelerator("sha256:set");
    return SettleReplica(step_, Again(), path_, result);
  }
  ExecuteAgain Again() {
    return [this](Way way) -> absl::StatusOr<v1::StepResult> {
      asked_.push_back(way);
      if (next_.empty()) return absl::InternalError("once too often");
      const v1::StepResult result = next_.front();
      next_.pop_front();
      return result;
    };
  }

  v1::Step step_;
  FirstPath path_ = [](const v1::Layer&, const v1::Layer&) { return "out/unit.o"; };
  std::deque<v1::StepResult> next_;
  std::vector<Way> asked_;
};

TEST_F(AccelerationCheckTest, EqualExecutionsAreMeasured) {
  v1::StepResult result = Accelerated("a", 2);
  next_ = {Made("a", 9)};
  ASSERT_OK(Compare(&result));
  EXPECT_THAT(asked_, ElementsAre(Way::kEmulated));
  const v1::AccelerationCheck& check = result.acceleration_check();
  EXPECT_EQ(check.outcome(), v1::AccelerationCheck::OUTCOME_EQUAL);
  EXPECT_EQ(check.accelerated_seconds(), 2);
  EXPECT_EQ(check.emulated_seconds(), 9);
  EXPECT_EQ(check.digest(), "sha256:set");
  EXPECT_TRUE(result.has_acceleration());
}

TEST_F(AccelerationCheckTest, TheSetIsAtFaultIfOnlyEmulatedExecutionsAgree) {
  v1::StepResult result = Accelerated("a");
  next_ = {Made("b"), Made("b"), Accelerated("a")};
  ASSERT_OK(Compare(&result));
  EXPECT_THAT(asked_, ElementsAre(Way::kEmulated, Way::kEmulated, Way::kAccelerated));
  EXPECT_EQ(result.acceleration_check().outcome(), v1::AccelerationCheck::OUTCOME_SET_DIFFERS);
  EXPECT_EQ(result.acceleration_check().path(), "out/unit.o");
  EXPECT_EQ(result.layer().tar().hash(), Sha256Hex("b")) << "the emulated one counts";
  EXPECT_FALSE(result.has_acceleration());
}

TEST_F(AccelerationCheckTest, ARecipeThatDiffersByItselfIsNotTheSetsFault) {
  v1::StepResult result = Accelerated("a");
  next_ = {Made("b"), Made("c")};
  ASSERT_OK(Compare(&result));
  EXPECT_EQ(asked_.size(), 2u);
  EXPECT_EQ(result.acceleration_check().outcome(), v1::AccelerationCheck::OUTCOME_RECIPE_DIFFERS);
  EXPECT_EQ(result.layer().tar().hash(), Sha256Hex("b"));
}

TEST_F(AccelerationCheckTest, NorIsWhatChangedWithTheMoment) {
  v1::StepResult result = Accelerated("monday");
  next_ = {Made("tuesday"), Made("tuesday"), Accelerated("tuesday")};
  ASSERT_OK(Compare(&result));
  EXPECT_EQ(result.acceleration_check().outcome(), v1::AccelerationCheck::OUTCOME_RECIPE_DIFFERS);
}

TEST_F(AccelerationCheckTest, ASetThatDiffersFromItselfIsAtFaultToo) {
  v1::StepResult result = Accelerated("a");
  next_ = {Made("b"), Made("b"), Accelerated("c")};
  ASSERT_OK(Compare(&result));
  EXPECT_EQ(result.acceleration_check().outcome(), v1::AccelerationCheck::OUTCOME_SET_DIFFERS);
}

TEST_F(AccelerationCheckTest, FailuresAreComparedToo) {
  v1::StepResult result = Accelerated("");
  *result.mutable_failure() = "exit code 1";
  next_ = {Made("b"), Made("b"), Failed("exit code 1")};
  *next_[2].mutable_acceleration() = result.acceleration();
  ASSERT_OK(Compare(&result));
  EXPECT_EQ(result.acceleration_check().outcome(), v1::AccelerationCheck::OUTCOME_SET_DIFFERS);
  EXPECT_EQ(result.acceleration_check().path(), "");
  EXPECT_EQ(result.failure(), "") << "emulated it succeeds";
  EXPECT_TRUE(SameOutcome(Failed("exit code 1"), Failed("exit code 1")));
  EXPECT_FALSE(SameOutcome(Failed("exit code 1"), Failed("step timeout of 1s reached")));
}

TEST_F(AccelerationCheckTest, StepsWithCacheMountsAreNotCompared) {
  step_.mutable_run()->add_mounts()->set_type(v1::RunMount::TYPE_CACHE);
  v1::StepResult result = Accelerated("a");
  ASSERT_OK(Compare(&result));
  EXPECT_TRUE(asked_.empty());
  EXPECT_EQ(result.acceleration_check().outcome(), v1::AccelerationCheck::OUTCOME_NOT_COMPARED);
  EXPECT_THAT(result.acceleration_check().reason(), HasSubstr("cache mount"));
  EXPECT_TRUE(result.has_acceleration());
}

TEST_F(AccelerationCheckTest, AReplicaAsksItsOwnHost) {
  v1::StepResult result = Made("b");
  next_ = {Made("b"), Accelerated("a")};
  ASSERT_OK(SettleAt(&result));
  EXPECT_THAT(asked_, ElementsAre(Way::kEmulated, Way::kAccelerated));
  EXPECT_EQ(result.acceleration_check().outcome(), v1::AccelerationCheck::OUTCOME_SET_DIFFERS);
  EXPECT_EQ(result.acceleration_check().digest(), "sha256:set");
  EXPECT_EQ(result.layer().tar().hash(), Sha256Hex("b"));
}

TEST_F(AccelerationCheckTest, AReplicaWithoutTheSetAccusesItAndSaysWhatItDoesNotKnow) {
  v1::StepResult result = Made("b");
  next_ = {Made("b"), Made("b")};
  ASSERT_OK(SettleAt(&result));
  EXPECT_EQ(result.acceleration_check().outcome(), v1::AccelerationCheck::OUTCOME_SET_DIFFERS);
  EXPECT_THAT(result.acceleration_check().reason(), HasSubstr("the other host may be the cause"));
}

TEST_F(AccelerationCheckTest, AReplicaOnWhoseHostTheSetGivesTheSameAsEmulationAccusesNobody) {
  v1::StepResult result = Made("b");
  next_ = {Made("b"), Accelerated("b")};
  ASSERT_OK(SettleAt(&result));
  EXPECT_EQ(result.acceleration_check().outcome(), v1::AccelerationCheck::OUTCOME_RECIPE_DIFFERS);
  // What was varied makes the difference.
  result = Made("b");
  next_ = {Made("c")};
  ASSERT_OK(SettleAt(&result));
  EXPECT_EQ(result.acceleration_check().outcome(), v1::AccelerationCheck::OUTCOME_RECIPE_DIFFERS);
}

TEST_F(AccelerationCheckTest, WhatTheFarmCannotDoIsAnError) {
  v1::StepResult result = Accelerated("a");
  EXPECT_TRUE(absl::IsInternal(Compare(&result)));
}

}  // namespace
}  // namespace crossmill::worker
