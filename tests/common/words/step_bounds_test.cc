#include "common/words/step_bounds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/status.h"
#include "tests/support/status_matchers.h"

namespace crossmill {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(StepBoundsTest, ValuesAsPeopleWriteThem) {
  EXPECT_EQ(*ParseStepBound(v1::STEP_BOUND_MEMORY, "2g", "--memory"), uint64_t{2} << 30);
  EXPECT_EQ(*ParseStepBound(v1::STEP_BOUND_MEMORY, "1.5GiB", "--memory"), uint64_t{3} << 29);
  EXPECT_EQ(*ParseStepBound(v1::STEP_BOUND_DISK, "65536", "--step-disk"), 65536u);
  EXPECT_EQ(*ParseStepBound(v1::STEP_BOUND_CPU, "1.5", "--cpus"), 1500u);
  EXPECT_EQ(*ParseStepBound(v1::STEP_BOUND_CPU, ".05", "--cpus"), 50u);
  EXPECT_EQ(*ParseStepBound(v1::STEP_BOUND_PROCESSES, "64", "--pids-limit"), 64u);
  for (const char* bad : {"", "0", "-1", "2x", "g", "nan", "1e99g", "2 g", "inf"})
    EXPECT_FALSE(ParseStepBound(v1::STEP_BOUND_MEMORY, bad, "--memory").ok()) << bad;
  for (const char* bad : {"", "0", "0.001", "2g", "nan", "inf", "1e9"})
    EXPECT_FALSE(ParseStepBound(v1::STEP_BOUND_CPU, bad, "--cpus").ok()) << bad;
  for (const char* bad : {"", "0", "-3", "1.5", "64k", "99999999999"})
    EXPECT_FALSE(ParseStepBound(v1::STEP_BOUND_PROCESSES, bad, "--pids-limit").ok()) << bad;
  EXPECT_THAT(Sv(ParseStepBound(v1::STEP_BOUND_MEMORY, "lots", "--memory").status().message()),
              AllOf(HasSubstr("--memory lots"), HasSubstr("512m")));
}

TEST(StepBoundsTest, SettingsNameTheLimit) {
  v1::StepBounds bounds;
  ASSERT_OK(AddStepBound("memory=4g", "--step-most", &bounds));
  ASSERT_OK(AddStepBound("cpus=2", "--step-most", &bounds));
  ASSERT_OK(AddStepBound("open-files=4096", "--step-most", &bounds));
  ASSERT_OK(AddStepBound("memory=3g", "--step-most", &bounds));
  EXPECT_EQ(bounds.memory(), uint64_t{3} << 30);
  EXPECT_EQ(bounds.cpu_millis(), 2000u);
  EXPECT_EQ(bounds.open_files(), 4096u);
  for (const char* bad : {"memory", "=4g", "swap=1g", "memory=", "time=3"}) {
    EXPECT_THAT(Sv(AddStepBound(bad, "--step-most", &bounds).message()), HasSubstr("--step-most")) << bad;
  }
}

TEST(StepBoundsTest, TheLeastCountsAndDefaultsFillGaps) {
  v1::StepBounds asked, other;
  asked.set_memory(10);
  asked.set_processes(5);
  other.set_memory(20);
  other.set_processes(3);
  other.set_disk(7);
  const v1::StepBounds least = LeastOf(asked, other);
  EXPECT_EQ(least.memory(), 10u);
  EXPECT_EQ(least.processes(), 3u);
  EXPECT_EQ(least.disk(), 7u);
  EXPECT_EQ(least.log(), 0u);
  const v1::StepBounds usual = WithUsual(asked, other);
  EXPECT_EQ(usual.memory(), 10u);
  EXPECT_EQ(usual.processes(), 5u);
  EXPECT_EQ(usual.disk(), 7u);
}

TEST(StepBoundsTest, EachLimitIsReadAsItIsSet) {
  for (const v1::StepBound bound : AllStepBounds()) {
    v1::StepBounds bounds;
    SetValue(bound, 77, &bounds);
    EXPECT_EQ(ValueOf(bounds, bound), 77u);
    for (const v1::StepBound other : AllStepBounds()) {
      if (other == bound) continue;
      EXPECT_EQ(ValueOf(bounds, other), 0u) << StepBoundName(bound);
    }
  }
}

TEST(StepBoundsTest, SentencesSayWhatToDo) {
  v1::BoundReached reached;
  reached.set_bound(v1::STEP_BOUND_MEMORY);
  reached.set_limit(uint64_t{2} << 30);
  reached.set_peak((uint64_t{2} << 30) + (uint64_t{3} << 28));
  EXPECT_EQ(TellBoundReached(reached),
            "killed at its memory limit of 2 GiB; it had 2.8 GiB (raise --memory)");
  reached.set_bound(v1::STEP_BOUND_DISK);
  EXPECT_EQ(TellBoundReached(reached),
            "killed at its disk limit of 2 GiB; it had written 2.8 GiB (raise --step-disk)");
  reached.set_of_worker(true);
  EXPECT_THAT(TellBoundReached(reached), HasSubstr("--step-most disk"));
  reached.set_bound(v1::STEP_BOUND_PROCESSES);
  reached.set_of_worker(false);
  reached.set_limit(64);
  EXPECT_EQ(TellBoundReached(reached),
            "it came to its limit of 64 processes and threads (raise --pids-limit)");
}

}  // namespace
}  // namespace crossmill
