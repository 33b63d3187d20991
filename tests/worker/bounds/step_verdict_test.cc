#include "worker/bounds/step_verdict.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/words/step_bounds.h"
#include "tests/support/status_matchers.h"
#include "worker/bounds/console_limit.h"

namespace crossmill::worker {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint64_t kGigabyte = uint64_t{1} << 30;

BoundFacts Facts(uint64_t memory) {
  BoundFacts facts;
  facts.bounds.set_memory(memory);
  facts.asked.set_memory(memory);
  facts.failed = true;
  facts.above_at_memory_limit = 0;
  return facts;
}

TEST(StepVerdictTest, AKillThatNobodyCountedShowsNoLimit) {
  BoundFacts facts = Facts(kGigabyte);
  facts.group.memory_kills = 0;
  facts.group.at_memory_limit = 500;
  facts.group.peak_memory = kGigabyte;
  EXPECT_FALSE(JudgeBounds(facts).reached);
  facts.group = GroupReadings();
  EXPECT_FALSE(JudgeBounds(facts).reached);
  EXPECT_OK(JudgeBounds(facts).elsewhere);
}

TEST(StepVerdictTest, ItsOwnLimitIsNamedWithWhoSetIt) {
  BoundFacts facts = Facts(2 * kGigabyte);
  facts.group.memory_kills = 1;
  facts.group.at_memory_limit = 7;
  const BoundVerdict verdict = JudgeBounds(facts);
  ASSERT_TRUE(verdict.reached);
  EXPECT_EQ(TellBoundReached(*verdict.reached), "killed at its memory limit of 2 GiB (raise --memory)");
  facts.asked.set_memory(4 * kGigabyte);
  EXPECT_THAT(TellBoundReached(*JudgeBounds(facts).reached),
              AllOf(HasSubstr("2 GiB"), HasSubstr("--step-most memory"), testing::Not(HasSubstr("raise"))));
}

TEST(StepVerdictTest, WhatOthersUsedUpIsNoFaultOfTheStep) {
  BoundFacts facts = Facts(2 * kGigabyte);
  facts.group.memory_kills = 1;
  facts.group.at_memory_limit = 0;
  EXPECT_THAT(Sv(JudgeBounds(facts).elsewhere.message()), HasSubstr("machine had no memory left"));
  facts.above_at_memory_limit = 3;
  EXPECT_THAT(Sv(JudgeBounds(facts).elsewhere.message()), HasSubstr("--step-memory"));
  // Version 1 does not say for which of the two it was.
  facts.group.at_memory_limit = 1;
  EXPECT_FALSE(JudgeBounds(facts).elsewhere.ok());
  EXPECT_FALSE(JudgeBounds(facts).reached);
  facts.above_at_memory_limit.reset();
  EXPECT_FALSE(JudgeBounds(facts).reached);
  facts.group.at_limit_is_exact = true;
  EXPECT_TRUE(JudgeBounds(facts).reached);
  EXPECT_OK(JudgeBounds(facts).elsewhere);
}

TEST(StepVerdictTest, AStepThatSucceedsAllTheSameIsWarnedAbout) {
  BoundFacts facts = Facts(2 * kGigabyte);
  facts.failed = false;
  facts.group.memory_kills = 2;
  facts.group.at_memory_limit = 1;
  BoundVerdict verdict = JudgeBounds(facts);
  ASSERT_TRUE(verdict.reached);
  EXPECT_TRUE(verdict.reached->survived());
  EXPECT_THAT(verdict.warnings, SizeIs(1));
  facts.group.at_memory_limit = 0;
  verdict = JudgeBounds(facts);
  EXPECT_OK(verdict.elsewhere);
  EXPECT_FALSE(verdict.reached);
  EXPECT_THAT(verdict.warnings, SizeIs(1));
}

TEST(StepVerdictTest, ProcessesThatCouldNotBeMade) {
  BoundFacts facts = Facts(0);
  facts.bounds.set_processes(64);
  facts.asked.set_processes(64);
  facts.group.refused_processes = 9;
  facts.group.peak_processes = 64;
  ASSERT_TRUE(JudgeBounds(facts).reached);
  EXPECT_EQ(JudgeBounds(facts).reached->bound(), v1::STEP_BOUND_PROCESSES);
  facts.group.peak_processes = 12;
  EXPECT_FALSE(JudgeBounds(facts).reached);
  EXPECT_TRUE(absl::IsResourceExhausted(JudgeBounds(facts).elsewhere));
  // Whose limit it was is not known: nothing is claimed.
  facts.group.peak_processes.reset();
  EXPECT_FALSE(JudgeBounds(facts).reached);
  EXPECT_OK(JudgeBounds(facts).elsewhere);
  EXPECT_THAT(JudgeBounds(facts).warnings, SizeIs(1));
  facts.group.refused_processes = 0;
  EXPECT_THAT(JudgeBounds(facts).warnings, IsEmpty());
}

// The kernel's files as both versions write them.
TEST(StepVerdictTest, ReadsTheFilesOfBothVersions) {
  const auto folder = TemporaryFolder::Create();
  ASSERT_OK(folder);
  const auto put = [&](const std::string& name, const std::string& text) {
    ASSERT_OK(WriteFileAtomic(folder->Path(name), text));
  };
  const auto opened = OpenFile(folder->path(), O_RDONLY | O_DIRECTORY);
  ASSERT_OK(opened);
  StepGroupBase kind;
  kind.memory = kind.processes = kind.processors = true;
  GroupReadings nothing;
  ReadGroup(opened->get(), kind, &nothing);
  EXPECT_FALSE(nothing.peak_memory || nothing.memory_kills || nothing.refused_processes ||
               nothing.throttled_periods);
  put("memory.max_usage_in_bytes", "4096\n");
  put("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n");
  put("pids.events", "max 5\n");
  put("pids.peak", "64\n");
  put("cpu.stat", "nr_periods 4\nnr_throttled 2\nthrottled_time 9\n");
  GroupReadings first;
  ReadGroup(opened->get(), kind, &first);
  EXPECT_EQ(first.peak_memory, 4096u);
  EXPECT_EQ(first.memory_kills, 3u);
  EXPECT_FALSE(first.at_memory_limit) << "that is an event";
  EXPECT_FALSE(first.at_limit_is_exact);
  EXPECT_EQ(first.refused_processes, 5u);
  EXPECT_EQ(first.throttled_periods, 2u);
  EXPECT_FALSE(first.user_seconds);
  kind.version_2 = true;
  put("memory.peak", "8192\n");
  put("memory.events.local", "low 0\nhigh 0\nmax 40\noom 1\noom_kill 2\noom_group_kill 0\n");
  put("cpu.stat", "usage_usec 3000000\nuser_usec 2000000\nsystem_usec 1000000\nnr_throttled 1\n");
  put("io.stat", "8:0 rbytes=10 wbytes=20 rios=1 wios=2\n8:16 rbytes=5 wbytes=0 rios=1 wios=0\n");
  GroupReadings second;
  ReadGroup(opened->get(), kind, &second);
  EXPECT_EQ(second.peak_memory, 8192u);
  EXPECT_EQ(second.at_memory_limit, 1u);
  EXPECT_EQ(second.memory_kills, 2u);
  EXPECT_TRUE(second.at_limit_is_exact);
  EXPECT_EQ(second.user_seconds, 2.0);
  EXPECT_EQ(second.bytes_read, 15u);
  EXPECT_EQ(second.bytes_written, 20u);
}

TEST(ConsoleLimitTest, CutsOnceAndSaysSo) {
  v1::StepBounds bounds;
  bounds.set_log(5);
  ConsoleLimit limit(bounds, bounds);
  EXPECT_EQ(limit.Take("abc"), "abc");
  EXPECT_EQ(limit.Notice(), "");
  EXPECT_FALSE(limit.reached());
  EXPECT_EQ(limit.Take("defg"), "de");
  EXPECT_THAT(limit.Notice(), HasSubstr("cut at 5 bytes"));
  EXPECT_EQ(limit.Take("h"), "");
  EXPECT_EQ(limit.Notice(), "");
  ASSERT_TRUE(limit.reached());
  EXPECT_EQ(limit.reached()->peak(), 8u);
  ConsoleLimit none({}, {});
  EXPECT_EQ(none.Take("abc"), "abc");
  EXPECT_FALSE(none.reached());
}

}  // namespace
}  // namespace crossmill::worker
