#include "cli/local/keeper.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include "common/base/files.h"
#include "tests/support/eventually.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace crossmill::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class KeeperTest : public ::testing::Test {
 protected:
  ~KeeperTest() override { (void)StopDaemon(spec_.PidFile(), absl::ZeroDuration()); }

  void Kill() {
    const auto pid = RunningDaemon(spec_.PidFile());
    ASSERT_TRUE(pid);
    kill(*pid, SIGKILL);
    ASSERT_TRUE(Eventually([&] { return !RunningDaemon(spec_.PidFile()); }));
  }

  TemporaryFolder folder_ = *TemporaryFolder::Create();
  DaemonSpec spec_{
      "worker-w1", {"/bin/sh", "-c", "echo \"$1\"; exec sleep 1000", "sh", "two words"}, folder_.Path("run")};
  FakeClock clock_;
  std::vector<std::string> told_;
  Keeper keeper_{folder_.Path("run"), clock_, [this](const std::string& line) { told_.push_back(line); }};
};

TEST_F(KeeperTest, WhatDiedIsStartedAgainWithWhatItHad) {
  ASSERT_OK(StartDaemon(spec_));
  ASSERT_OK(KeepDaemon(spec_));
  keeper_.Look();
  EXPECT_THAT(told_, IsEmpty()) << "it lives";
  ASSERT_TRUE(Eventually([&] { return LogTail(spec_.LogFile(), 5) == "two words\n"; }));
  Kill();
  keeper_.Look();
  EXPECT_TRUE(RunningDaemon(spec_.PidFile()));
  EXPECT_THAT(told_, ElementsAre(HasSubstr("worker-w1 had died: started again")));
  ASSERT_TRUE(Eventually([&] { return LogTail(spec_.LogFile(), 5) == "two words\ntwo words\n"; }));
  const auto restarts = ReadRestarts(spec_.run_folder);
  ASSERT_THAT(restarts, SizeIs(1));
  EXPECT_EQ(restarts[0].name, "worker-w1");
  EXPECT_EQ(restarts[0].count, 1);
  EXPECT_EQ(restarts[0].last, absl::FromUnixSeconds(absl::ToUnixSeconds(clock_.Now())));
}

TEST_F(KeeperTest, WhatKeepsDyingIsTriedMoreAndMoreSeldom) {
  ASSERT_OK(StartDaemon(spec_));
  ASSERT_OK(KeepDaemon(spec_));
  Kill();
  keeper_.Look();
  Kill();
  keeper_.Look();
  EXPECT_THAT(told_, SizeIs(1)) << "not at once";
  clock_.Advance(absl::Seconds(1));
  keeper_.Look();
  EXPECT_THAT(told_, SizeIs(2));
  Kill();
  clock_.Advance(absl::Seconds(1));
  keeper_.Look();
  EXPECT_THAT(told_, SizeIs(2));
  clock_.Advance(absl::Seconds(1));
  keeper_.Look();
  EXPECT_THAT(told_, SizeIs(3));
  // Who has lived for long begins anew.
  keeper_.Look();
  clock_.Advance(absl::Minutes(11));
  keeper_.Look();
  Kill();
  keeper_.Look();
  EXPECT_THAT(told_, SizeIs(4));
  Kill();
  clock_.Advance(absl::Seconds(1));
  keeper_.Look();
  EXPECT_THAT(told_, SizeIs(5));
}

TEST_F(KeeperTest, WhatCannotBeStartedIsNotSaidToHaveBeen) {
  ASSERT_OK(StartDaemon(spec_));
  ASSERT_OK(KeepDaemon(spec_));
  Kill();
  int tries = 0;
  Keeper keeper(
      folder_.Path("run"), clock_, [this](const std::string& line) { told_.push_back(line); },
      [&](const DaemonSpec&) -> absl::StatusOr<pid_t> {
        ++tries;
        return absl::NotFoundError("no such program");
      });
  keeper.Look();
  keeper.Look();
  EXPECT_EQ(tries, 1) << "nor is it tried at once";
  EXPECT_THAT(told_, ElementsAre(HasSubstr("worker-w1 has died and cannot be started: no such program")));
  EXPECT_THAT(ReadRestarts(spec_.run_folder), IsEmpty());
}

TEST_F(KeeperTest, WhatWasStoppedStaysStopped) {
  ASSERT_OK(StartDaemon(spec_));
  ASSERT_OK(KeepDaemon(spec_));
  ASSERT_OK(StopDaemon(spec_.PidFile(), absl::Seconds(5)));
  keeper_.Look();
  EXPECT_FALSE(RunningDaemon(spec_.PidFile()));
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(KeeperTest, WhatNobodySaidToKeepIsLeftAlone) {
  ASSERT_OK(StartDaemon(spec_));
  Kill();
  keeper_.Look();
  EXPECT_FALSE(RunningDaemon(spec_.PidFile()));
  EXPECT_THAT(ReadRestarts(spec_.run_folder), IsEmpty());
}

}  // namespace
}  // namespace crossmill::cli
