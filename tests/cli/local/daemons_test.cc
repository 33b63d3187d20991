#include "cli/local/daemons.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "cli/commands/doctor_checks.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "tests/support/status_matchers.h"

namespace crossmill::cli {
namespace {

using testing::HasSubstr;

class DaemonsTest : public testing::Test {
 protected:
  DaemonsTest() : folder_(*TemporaryFolder::Create()) {}
  ~DaemonsTest() override {
    for (const char* name : {"sleeper", "stubborn"})
      (void)StopDaemon(Spec(name, "").PidFile(), absl::ZeroDuration());
  }
  DaemonSpec Spec(const std::string& name, const std::string& script) {
    return {name, {"/bin/sh", "-c", script}, folder_.Path("run")};
  }
  TemporaryFolder folder_;
};

TEST_F(DaemonsTest, StartedFoundAndStopped) {
  const DaemonSpec spec = Spec("sleeper", "echo started; exec sleep 1000");
  EXPECT_FALSE(RunningDaemon(spec.PidFile()));
  const auto pid = StartDaemon(spec);
  ASSERT_OK(pid);
  EXPECT_EQ(RunningDaemon(spec.PidFile()), *pid);
  // A session of its own: the terminal's signals do not reach it.
  EXPECT_NE(getsid(*pid), getsid(0));
  const auto stopped = StopDaemon(spec.PidFile(), absl::Seconds(10));
  ASSERT_OK(stopped);
  EXPECT_TRUE(*stopped);
  EXPECT_FALSE(RunningDaemon(spec.PidFile()));
  EXPECT_FALSE(Exists(spec.PidFile()));
  EXPECT_FALSE(*StopDaemon(spec.PidFile(), absl::Seconds(10)));
}

TEST_F(DaemonsTest, OneThatIgnoresTermIsKilled) {
  const DaemonSpec spec = Spec("stubborn", "trap '' TERM; echo ready; while true; do sleep 0.05; done");
  ASSERT_OK(StartDaemon(spec));
  while (LogTail(spec.LogFile(), 1).empty()) usleep(1000);
  const auto stopped = StopDaemon(spec.PidFile(), absl::Milliseconds(100));
  ASSERT_OK(stopped);
  EXPECT_TRUE(*stopped);
}

TEST_F(DaemonsTest, PidThatWentToAnotherProcessIsNotOurs) {
  const std::string file = folder_.Path("other.pid");
  ASSERT_OK(WriteFileAtomic(file, std::to_string(getpid()) + " 1\n"));
  EXPECT_FALSE(RunningDaemon(file));
  EXPECT_FALSE(*StopDaemon(file, absl::ZeroDuration()));
}

TEST_F(DaemonsTest, ProgramThatIsMissingIsAnError) {
  DaemonSpec spec = Spec("missing", "");
  spec.argv = {folder_.Path("no-such-program")};
  const auto pid = StartDaemon(spec);
  EXPECT_TRUE(absl::IsNotFound(pid.status())) << pid.status();
}

TEST_F(DaemonsTest, LogTailIsTheEnd) {
  const std::string file = folder_.Path("log");
  ASSERT_OK(WriteFileAtomic(file, "a\nb\nc\n"));
  EXPECT_EQ(LogTail(file, 2), "b\nc\n");
  EXPECT_EQ(LogTail(file, 9), "a\nb\nc\n");
  EXPECT_EQ(LogTail(folder_.Path("none"), 9), "");
}

TEST(DoctorTest, Kernel) {
  EXPECT_EQ(CheckKernel("6.1.0-13-amd64").level, CheckLevel::kOk);
  EXPECT_EQ(CheckKernel("5.11.0").level, CheckLevel::kOk);
  EXPECT_EQ(CheckKernel("5.10.0-28").level, CheckLevel::kFail);
  EXPECT_EQ(CheckKernel("4.19").level, CheckLevel::kFail);
}

TEST(DoctorTest, SubordinateRanges) {
  EXPECT_EQ(CheckSubordinateRange("/etc/subuid", "a:100000:65536\n", "a", 1000).level, CheckLevel::kOk);
  EXPECT_EQ(CheckSubordinateRange("/etc/subuid", "1000:100000:65536\n", "a", 1000).level, CheckLevel::kOk);
  const Check small = CheckSubordinateRange("/etc/subuid", "a:100000:1000\n", "a", 1000);
  EXPECT_EQ(small.level, CheckLevel::kFail);
  const Check none = CheckSubordinateRange("/etc/subgid", "b:100000:65536\n", "a", 1000);
  EXPECT_EQ(none.level, CheckLevel::kFail);
  // The proposed range overlaps no other.
  EXPECT_EQ(none.fix, "usermod --add-subgids 165536-231071 a");
  const Check between =
      CheckSubordinateRange("/etc/subuid", "b:100000:65536\nb:2147483648:2147483647\n", "a", 1000);
  EXPECT_EQ(between.fix, "usermod --add-subuids 165536-231071 a");
}

TEST(DoctorTest, NumberOfSubordinateIdsIsSaid) {
  EXPECT_EQ(CheckSubordinateRange("/etc/subuid", "a:100000:65536\n", "a", 1000).detail,
            "65536 ids in 1 range for a: files may belong to 0..65536 (scripts/setup-host gives more)");
  const Check wide =
      CheckSubordinateRange("/etc/subuid", "a:100000:65536\na:2147483648:2147483647\n", "a", 1000);
  EXPECT_EQ(wide.level, CheckLevel::kOk);
  EXPECT_EQ(wide.detail, "2147549183 ids in 2 ranges for a: files may belong to 0..2147549183");
  EXPECT_EQ(CheckSubordinateRange("/etc/subuid", "a:100000:1000\n", "a", 1000).detail, "1000 ids for a");
  // Small ranges count together.
  EXPECT_EQ(CheckSubordinateRange("/etc/subuid", "a:100000:40000\na:200000:40000\n", "a", 1000).level,
            CheckLevel::kOk);
}

TEST(DoctorTest, BinfmtNeedsItsFlags) {
  const std::string good = "enabled\ninterpreter /usr/bin/qemu-aarch64-static\nflags: OCF\noffset 0\n";
  EXPECT_EQ(CheckBinfmt("arm64", good).level, CheckLevel::kOk);
  EXPECT_EQ(CheckBinfmt("arm64", "enabled\ninterpreter /q\nflags: OF\n").level, CheckLevel::kWarn);
  EXPECT_EQ(CheckBinfmt("arm64", "enabled\ninterpreter /q\nflags: \n").level, CheckLevel::kFail);
  EXPECT_EQ(CheckBinfmt("arm64", "disabled\ninterpreter /q\nflags: OCF\n").level, CheckLevel::kWarn);
  EXPECT_EQ(CheckBinfmt("arm64", "").level, CheckLevel::kWarn);
}

TEST(DoctorTest, EveryLineThatIsNotOkSaysHowToFixIt) {
  for (const Check& check :
       CheckMachine("crossmill-test-nobody", geteuid() == 0, "/nonexistent/data", "/usr/bin")) {
    if (check.level == CheckLevel::kOk) continue;
    EXPECT_NE(check.fix, "") << check.name;
  }
  const std::string text = RenderChecks(
      {{CheckLevel::kOk, "kernel", "6.1", ""}, {CheckLevel::kFail, "disk", "full", "free some"}}, {});
  EXPECT_EQ(text, "ok    kernel: 6.1\nfail  disk: full\n      fix: free some\n");
}

}  // namespace
}  // namespace crossmill::cli
