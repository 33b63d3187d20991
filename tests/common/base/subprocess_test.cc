#include "common/base/subprocess.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace crossmill {
namespace {

ProcessOptions Shell(std::string command) {
  ProcessOptions options;
  options.argv = {"/bin/sh", "-c", std::move(command)};
  return options;
}

TEST(SubprocessTest, CollectsBothStreamsAndTheExitCode) {
  auto result = RunProcess(Shell("echo out; echo err >&2; exit 3"));
  ASSERT_OK(result);
  EXPECT_EQ(result->exit_code, 3);
  EXPECT_EQ(result->stdout_text, "out\n");
  EXPECT_EQ(result->stderr_text, "err\n");
}

TEST(SubprocessTest, FeedsInputLargerThanAPipe) {
  ProcessOptions options = Shell("wc -c");
  options.input = std::string(1 << 20, 'x');
  auto result = RunProcess(options);
  ASSERT_OK(result);
  EXPECT_EQ(result->stdout_text, "1048576\n");
}

TEST(SubprocessTest, TimeLimitKillsTheWholeGroup) {
  ProcessOptions options = Shell("sleep 100 & sleep 100; true");
  options.time_limit = absl::Milliseconds(200);
  auto result = RunProcess(options);
  ASSERT_OK(result);
  EXPECT_TRUE(result->timed_out);
  EXPECT_EQ(result->exit_code, 128 + 9);
}

TEST(SubprocessTest, DoesNotWaitForGrandchildrenThatHoldThePipes) {
  auto result = RunProcess(Shell("sleep 100 & echo done"));
  ASSERT_OK(result);
  EXPECT_EQ(result->stdout_text, "done\n");
}

TEST(SubprocessTest, MissingProgramIsAnErrorThatNamesIt) {
  ProcessOptions options;
  options.argv = {"/no/such/program"};
  auto result = RunProcess(options);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.status().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(result.status().message().find("/no/such/program"), std::string::npos);
}

TEST(SubprocessTest, StopRequestEndsIt) {
  std::stop_source source;
  ProcessOptions options = Shell("sleep 100");
  options.stop = source.get_token();
  options.on_start = [&](pid_t) { source.request_stop(); };
  auto result = RunProcess(options);
  ASSERT_OK(result);
  EXPECT_TRUE(result->stopped);
}

TEST(SubprocessTest, ChildThatDoesNotReadItsInputEndsNothing) {
  ProcessOptions options;
  options.argv = {"true"};
  options.input = std::string(1 << 20, 'x');
  for (int i = 0; i < 50; ++i) {
    const auto result = RunProcess(options);
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(result->exit_code, 0);
  }
}

}  // namespace
}  // namespace crossmill
