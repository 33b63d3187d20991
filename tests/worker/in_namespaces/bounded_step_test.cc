// Limits of a step for real: with control groups where this machine gives them, and with the watchdog alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <optional>
#include <thread>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/words/step_bounds.h"
#include "tests/support/host_root.h"
#include "tests/support/status_matchers.h"
#include "tests/worker/in_namespaces/test_groups.h"
#include "worker/sandbox/oci_sandbox.h"

namespace crossmill::worker {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kMegabyte = 1 << 20;
// Takes 200 MB, all of it at the end.
constexpr char kMemoryBomb[] = "head -c 200m /dev/zero | tail -c 200m >/dev/null; exit $?";

struct BoundedRun {
  absl::StatusOr<SandboxResult> result;
  std::string out;
  std::string told;
};

class BoundedStepTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const char* why = std::getenv("CROSSMILL_TEST_NO_NAMESPACES")) GTEST_SKIP() << why;
    auto folder = TemporaryFolder::Create();
    ASSERT_OK(folder);
    chmod(folder->path().c_str(), 0755);
    folder_.emplace(std::move(*folder));
    for (const char* name : {"root", "beside"})
      ASSERT_OK(
          MakeHostRoot(folder_->Path(name), {"sh", "cat", "head", "tail", "sleep", "dd", "kill", "true"}));
    asked_.set_network(v1::NETWORK_MODE_NONE);
    asked_.set_cwd("/");
  }

  void Start(bool with_groups) {
    if (with_groups && TestGroups().bases().empty()) GTEST_SKIP() << TestGroups().said();
    OciSandboxOptions options;
    options.folder = folder_->Path("sandbox");
    if (with_groups) options.groups = &TestGroups();
    auto sandbox = OciSandbox::Create(options);
    if (absl::IsFailedPrecondition(sandbox.status())) GTEST_SKIP() << sandbox.status();
    ASSERT_OK(sandbox);
    sandbox_ = std::move(*sandbox);
    ASSERT_OK(sandbox_->groups_problem());
  }

  BoundedRun Shell(const std::string& script, const v1::StepBounds& bounds, const char* root = "root") {
    v1::Run message = asked_;
    for (const char* word : {"sh", "-c"}) message.add_argv(word);
    message.add_argv(script);
    BoundedRun ended{absl::UnknownError("not run"), "", ""};
    SandboxRun run{.run = message,
                   .platform = {},
                   .root = folder_->Path(root),
                   .identity = {},
                   .env = {"PATH=/bin"},
                   .bounds = bounds,
                   .asked = bounds,
                   .written = folder_->Path(root),
                   .timeout = absl::Minutes(1),
                   .on_output = {},
                   .stop = {}};
    run.on_output = [&](v1::LogChunk::Stream stream, std::string_view bytes) {
      (stream == v1::LogChunk::STREAM_WORKER ? ended.told : ended.out) += bytes;
    };
    ended.result = sandbox_->Run(run);
    return ended;
  }

  // Of a step that ended at a limit.
  static void ExpectKilledAt(const BoundedRun& run, v1::StepBound bound, uint64_t limit) {
    ASSERT_OK(run.result);
    ASSERT_TRUE(run.result->bound) << run.result->exit_code << " " << run.out;
    EXPECT_EQ(run.result->bound->bound(), bound);
    EXPECT_EQ(run.result->bound->limit(), limit);
    EXPECT_FALSE(run.result->bound->survived());
    EXPECT_FALSE(run.result->bound->of_worker());
    EXPECT_NE(run.result->exit_code, 0);
    EXPECT_FALSE(run.result->stopped);
  }

  std::optional<TemporaryFolder> folder_;
  std::unique_ptr<OciSandbox> sandbox_;
  v1::Run asked_;
};

TEST_F(BoundedStepTest, AMemoryBombEndsAtItsOwnLimitAndHarmsNobodyBeside) {
  Start(true);
  if (IsSkipped()) return;
  v1::StepBounds small, large;
  small.set_memory(64 * kMegabyte);
  large.set_memory(300 * kMegabyte);
  BoundedRun beside{absl::UnknownError("not run"), "", ""};
  std::jthread other([&] { beside = Shell("sleep 0.3; " + std::string(kMemoryBomb), large, "beside"); });
  const BoundedRun bomb = Shell(kMemoryBomb, small);
  other.join();
  ExpectKilledAt(bomb, v1::STEP_BOUND_MEMORY, 64 * kMegabyte);
  EXPECT_TRUE(bomb.result->use.has_group_peak_memory());
  EXPECT_LE(bomb.result->use.group_peak_memory(), 64 * kMegabyte);
  ASSERT_OK(beside.result);
  EXPECT_EQ(beside.result->exit_code, 0) << beside.out;
  EXPECT_FALSE(beside.result->bound);
  EXPECT_TRUE(beside.result->not_killed_for_memory);
  EXPECT_GT(beside.result->use.group_peak_memory(), 150 * kMegabyte);
}

TEST_F(BoundedStepTest, AStepThatKillsItselfCameToNoLimit) {
  Start(true);
  if (IsSkipped()) return;
  v1::StepBounds bounds;
  bounds.set_memory(64 * kMegabyte);
  const BoundedRun run = Shell("sh -c 'kill -9 $$'; exit $?", bounds);
  ASSERT_OK(run.result);
  EXPECT_EQ(run.result->exit_code, 137);
  EXPECT_FALSE(run.result->bound);
  EXPECT_TRUE(run.result->not_killed_for_memory);
}

TEST_F(BoundedStepTest, AKilledProcessOfACommandThatSucceedsIsAWarning) {
  Start(true);
  if (IsSkipped()) return;
  v1::StepBounds bounds;
  bounds.set_memory(64 * kMegabyte);
  const BoundedRun run = Shell(std::string("(") + kMemoryBomb + "); echo went on", bounds);
  ASSERT_OK(run.result);
  EXPECT_EQ(run.result->exit_code, 0);
  ASSERT_TRUE(run.result->bound);
  EXPECT_TRUE(run.result->bound->survived());
  ASSERT_EQ(run.result->warnings.size(), 1u);
  EXPECT_THAT(run.result->warnings[0], HasSubstr("memory limit of 64 MiB"));
}

TEST_F(BoundedStepTest, ProcessesBeyondTheLimitCannotBeMade) {
  Start(true);
  if (IsSkipped()) return;
  v1::StepBounds bounds;
  bounds.set_processes(20);
  const BoundedRun run = Shell("i=0; while [ $i -lt 60 ]; do sleep 3 & i=$((i+1)); done; wait", bounds);
  ExpectKilledAt(run, v1::STEP_BOUND_PROCESSES, 20);
}

// By what the kernel counted, since time says little on a busy machine.
TEST_F(BoundedStepTest, TheShareOfProcessorsIsInForce) {
  Start(true);
  if (IsSkipped()) return;
  v1::StepBounds bounds;
  bounds.set_cpu_millis(20);
  auto group = StepGroup::Make(TestGroups().bases(), "cpu-test", bounds);
  ASSERT_OK(group);
  if (!(*group)->limits_processors()) GTEST_SKIP() << "no control group for processors";
  ProcessOptions busy;
  busy.argv = {"sh", "-c", "i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done"};
  busy.joins = (*group)->joins();
  ASSERT_OK(RunProcess(busy));
  EXPECT_GT((*group)->Read().throttled_periods.value_or(0), 0u);
}

TEST_F(BoundedStepTest, TheDiskIsWatched) {
  Start(false);
  if (IsSkipped()) return;
  v1::StepBounds bounds;
  bounds.set_disk(64 * kMegabyte);
  const BoundedRun run = Shell("while :; do cat /dev/zero | head -c 8m >>/tmp/fill || exit 3; done", bounds);
  ExpectKilledAt(run, v1::STEP_BOUND_DISK, 64 * kMegabyte);
  EXPECT_GT(run.result->bound->peak(), 64 * kMegabyte);
}

TEST_F(BoundedStepTest, WithoutGroupsMemoryAndProcessesAreWatchedAndThatIsSaid) {
  Start(false);
  if (IsSkipped()) return;
  v1::StepBounds bounds;
  bounds.set_memory(64 * kMegabyte);
  const BoundedRun run = Shell("head -c 150m /dev/zero | tail -c 150m | (sleep 20; cat >/dev/null)", bounds);
  ExpectKilledAt(run, v1::STEP_BOUND_MEMORY, 64 * kMegabyte);
  EXPECT_GT(run.result->bound->peak(), 64 * kMegabyte);
  EXPECT_THAT(run.told, HasSubstr("warning: there is no control group for memory"));
  v1::StepBounds few;
  few.set_processes(10);
  const BoundedRun forks = Shell("i=0; while [ $i -lt 40 ]; do sleep 20 & i=$((i+1)); done; wait", few);
  ExpectKilledAt(forks, v1::STEP_BOUND_PROCESSES, 10);
}

TEST_F(BoundedStepTest, WithinItsLimitsNothingIsTold) {
  Start(true);
  if (IsSkipped()) return;
  v1::StepBounds bounds;
  bounds.set_memory(256 * kMegabyte);
  bounds.set_processes(100);
  bounds.set_disk(100 * kMegabyte);
  bounds.set_cpu_millis(1000);
  const BoundedRun run = Shell("echo fine; cat /proc/self/limits | head -n 1 >/dev/null", bounds);
  ASSERT_OK(run.result);
  EXPECT_EQ(run.result->exit_code, 0);
  EXPECT_EQ(run.told, "");
  EXPECT_FALSE(run.result->bound);
  EXPECT_TRUE(run.result->use.has_user_seconds());
  EXPECT_EQ(run.result->use.bounds().processes(), 100u);
  EXPECT_TRUE(run.result->warnings.empty());
}

}  // namespace
}  // namespace crossmill::worker
