// crossmill up and down with programs of the test's in place of coordinator and worker.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "cli/local/daemons.h"
#include "common/base/status.h"
#include "tests/cli/commands_fixture.h"
#include "tests/support/eventually.h"

namespace crossmill::cli {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class FarmCommandsTest : public CommandsTest {
 protected:
  FarmCommandsTest() : before_(std::filesystem::current_path()) {
    env_.program_folder = folder_.path();
    Program("crossmill-coordinator",
            "echo \"$PWD $*\" >" + folder_.Path("coordinator-arguments") + "; exec sleep 1000");
    Program("crossmill-worker", "exec sleep 1000");
    std::filesystem::current_path(folder_.path());
  }
  ~FarmCommandsTest() override {
    for (const char* name : {"coordinator", "worker-w1"})
      (void)StopDaemon(PidFile(name), absl::ZeroDuration());
    std::filesystem::current_path(before_);
  }
  void Program(const std::string& name, const std::string& script) {
    ASSERT_OK(WriteFileAtomic(folder_.Path(name), "#!/bin/sh\n" + script + "\n", 0755));
  }
  std::string PidFile(const std::string& name) { return folder_.Path("farm/run/" + name + ".pid"); }
  bool Runs(const std::string& name) { return RunningDaemon(PidFile(name)).has_value(); }

  const std::filesystem::path before_;
};

TEST_F(FarmCommandsTest, RelativeDataFolderIsOneForEveryProcess) {
  EXPECT_EQ(Run({"--data", "farm", "up", "--workers", "0"}), 0) << env_.err();
  EXPECT_TRUE(Runs("coordinator"));
  EXPECT_EQ(env_.connected.address, "unix:" + folder_.Path("farm/coordinator.sock"));
  EXPECT_TRUE(
      Eventually([&] { return !ReadFile(folder_.Path("coordinator-arguments")).value_or("").empty(); }));
  EXPECT_THAT(env_.out, HasSubstr(" --data " + folder_.Path("farm") + " down\n")) << "works from any folder";
  EXPECT_EQ(Run({"--data", "farm", "down"}), 0);
  EXPECT_THAT(ReadFile(folder_.Path("coordinator-arguments")).value_or(""),
              StartsWith("/ --config none --data " + folder_.Path("farm") + " --http 127.0.0.1:"));
}

TEST_F(FarmCommandsTest, ThePageStaysWhereItWasUnlessToldOtherwise) {
  EXPECT_EQ(Run({"--data", "farm", "up", "--workers", "0"}), 0) << env_.err();
  const std::string address = ReadFile(folder_.Path("farm/run/http")).value_or("");
  EXPECT_THAT(address, StartsWith("127.0.0.1:"));
  EXPECT_EQ(Run({"--data", "farm", "down"}), 0);
  EXPECT_EQ(Run({"--data", "farm", "up", "--workers", "0"}), 0) << env_.err();
  EXPECT_EQ(ReadFile(folder_.Path("farm/run/http")).value_or(""), address);
  EXPECT_EQ(Run({"--data", "farm", "up", "--workers", "0", "--http", "none"}), 0) << env_.err();
  EXPECT_TRUE(Eventually([&] {
    return ReadFile(folder_.Path("coordinator-arguments")).value_or("") ==
           "/ --config none --data " + folder_.Path("farm") + "\n";
  }));
  EXPECT_EQ(Run({"--data", "farm", "down"}), 0);
}

TEST_F(FarmCommandsTest, RelativeDataFolderFromVariables) {
  env_.variables["CROSSMILL_DATA"] = "farm";
  EXPECT_EQ(Run({"up", "--workers", "0"}), 0) << env_.err();
  EXPECT_EQ(env_.connected.address, "unix:" + folder_.Path("farm/coordinator.sock"));
  EXPECT_EQ(Run({"down"}), 0);
  env_.variables.erase("CROSSMILL_DATA");
  env_.variables["XDG_DATA_HOME"] = "data";
  EXPECT_EQ(Run({"ls"}), 0) << env_.err();
  EXPECT_EQ(env_.connected.address, "unix:" + folder_.Path("data/crossmill/coordinator.sock"));
}

TEST_F(FarmCommandsTest, UpThatFailsEndsWhatItHasStarted) {
  Program("crossmill-worker", "echo no such user; exit 5");
  EXPECT_EQ(Run({"--data", "farm", "up", "--workers", "1"}), 5);
  EXPECT_THAT(env_.err(), HasSubstr("no such user"));
  EXPECT_THAT(env_.err(), HasSubstr("coordinator stopped again\n"));
  EXPECT_THAT(env_.err(), Not(HasSubstr("worker-w1 stopped again"))) << "it had ended by itself";
  EXPECT_FALSE(Runs("coordinator"));
  EXPECT_FALSE(Runs("worker-w1"));
}

TEST_F(FarmCommandsTest, UpThatFailsLeavesWhatRanBefore) {
  EXPECT_EQ(Run({"--data", "farm", "up", "--workers", "0"}), 0) << env_.err();
  Program("crossmill-worker", "exit 5");
  EXPECT_EQ(Run({"--data", "farm", "up", "--workers", "1"}), 5);
  EXPECT_TRUE(Runs("coordinator"));
  EXPECT_EQ(Run({"--data", "farm", "down"}), 0);
}

TEST_F(FarmCommandsTest, InterruptedUpEndsWhatItHasStarted) {
  int code = -1;
  std::thread up([&] { code = Run({"--data", "farm", "up", "--workers", "1"}); });
  EXPECT_TRUE(Eventually([&] { return Runs("worker-w1"); }));
  env_.Interrupt(1);
  up.join();
  EXPECT_EQ(code, 130);
  EXPECT_FALSE(Runs("worker-w1"));
  EXPECT_FALSE(Runs("coordinator"));
}

}  // namespace
}  // namespace crossmill::cli
