#include "worker/host/step_groups.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/status.h"
#include "common/base/subprocess.h"
#include "tests/support/status_matchers.h"

namespace crossmill::worker {
namespace {

constexpr uint64_t kGigabyte = uint64_t{1} << 30;

TEST(StepGroupsTest, UsualLimitsLeaveSomeForOthers) {
  EXPECT_EQ(UsualStepMemory(100 * kGigabyte), 90 * kGigabyte);
  EXPECT_EQ(UsualStepMemory(4 * kGigabyte), 3 * kGigabyte);
  EXPECT_EQ(UsualStepMemory(kGigabyte), kGigabyte / 2);
  EXPECT_EQ(UsualStepProcesses(32'768), 8'192u);
  EXPECT_EQ(UsualStepProcesses(4'194'304), 8'192u);
  EXPECT_EQ(UsualStepProcesses(1'000), 250u);
}

TEST(StepGroupsTest, PlacesOfVersionOneOfTwoAndOfBoth) {
  const auto hybrid = GroupPlaces("9:name=systemd:/\n8:pids:/\n5:devices:/\n4:memory:/api/x\n0::/\n", "/c");
  ASSERT_EQ(hybrid.size(), 2u);
  EXPECT_EQ(hybrid[0].folder, "/c/pids");
  EXPECT_TRUE(hybrid[0].processes);
  EXPECT_FALSE(hybrid[0].memory);
  EXPECT_EQ(hybrid[1].folder, "/c/memory/api/x");
  EXPECT_TRUE(hybrid[1].memory);
  EXPECT_FALSE(hybrid[1].version_2);
  const auto unified = GroupPlaces("0::/system.slice/w.service\n", "/c");
  ASSERT_EQ(unified.size(), 1u);
  EXPECT_EQ(unified[0].folder, "/c/system.slice/w.service");
  EXPECT_TRUE(unified[0].version_2 && unified[0].memory && unified[0].processes);
  // Outside of what a container sees; nothing at all.
  EXPECT_TRUE(GroupPlaces("0::/../other\n", "/c").empty());
  EXPECT_TRUE(GroupPlaces("", "/c").empty());
  EXPECT_TRUE(GroupPlaces("garbage\n", "/c").empty());
}

TEST(StepGroupsTest, WhereNoneCanBeMadeItSaysWhy) {
  const auto folder = TemporaryFolder::Create();
  ASSERT_OK(folder.status());
  ASSERT_OK(WriteFileAtomic(folder->Path("own"), "4:memory:/\n3:pids:/\n"));
  StepGroupOptions options;
  options.root = folder->Path("none");
  options.own = folder->Path("own");
  const StepGroups groups = StepGroups::Make(options);
  EXPECT_TRUE(groups.joins().empty());
  EXPECT_THAT(groups.said(), testing::AllOf(testing::HasSubstr("memory not limited, processes not limited"),
                                            testing::HasSubstr("No such file")));
  options.own = folder->Path("missing");
  EXPECT_THAT(StepGroups::Make(options).said(), testing::HasSubstr("no control groups"));
}

// A child writes "0" into each file that it is given, before it runs.
TEST(StepGroupsTest, AChildJoinsBeforeItRuns) {
  const auto folder = TemporaryFolder::Create();
  ASSERT_OK(folder.status());
  const auto group = OpenFile(folder->Path("procs"), O_WRONLY | O_CREAT, 0600);
  ASSERT_OK(group.status());
  ProcessOptions options;
  options.argv = {"cat", folder->Path("procs")};
  options.joins = {group->get()};
  const auto result = RunProcess(options);
  ASSERT_OK(result.status());
  EXPECT_EQ(result->stdout_text, "0");
  const auto closed = OpenFile(folder->Path("procs"), O_RDONLY);
  options.joins = {closed->get()};
  EXPECT_FALSE(RunProcess(options).ok());
}

}  // namespace
}  // namespace crossmill::worker
