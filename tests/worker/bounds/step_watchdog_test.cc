#include "worker/bounds/step_watchdog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <mutex>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/base/subprocess.h"
#include "tests/support/status_matchers.h"
#include "worker/bounds/process_sample.h"

namespace crossmill::worker {
namespace {

// A kill that can be waited for.
class Killed {
 public:
  void operator()() {
    const std::lock_guard lock(mutex_);
    done_ = true;
    changed_.notify_all();
  }
  bool Wait() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(30), [&] { return done_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
};

TEST(StepWatchdogTest, KillsForWhatThePreciseSampleShows) {
  Killed killed;
  std::atomic<int> precise_looks = 0;
  WatchdogOptions options;
  options.bounds.set_memory(100);
  options.interval = absl::Milliseconds(1);
  // The cheap sample is always over the limit, the precise one only from the third look on.
  options.processes = [&](bool precise) -> std::optional<ProcessSample> {
    if (!precise) return ProcessSample{1000, 1};
    return ProcessSample{++precise_looks >= 3 ? uint64_t{101} : uint64_t{100}, 1};
  };
  options.kill = [&] { killed(); };
  StepWatchdog dog(options);
  ASSERT_TRUE(killed.Wait());
  dog.Stop();
  EXPECT_EQ(precise_looks, 3);
  ASSERT_TRUE(dog.reached());
  EXPECT_EQ(dog.reached()->bound(), v1::STEP_BOUND_MEMORY);
  EXPECT_EQ(dog.reached()->peak(), 101u);
  EXPECT_EQ(dog.reached()->limit(), 100u);
}

TEST(StepWatchdogTest, KillsForTheDiskAndForProcesses) {
  Killed full;
  WatchdogOptions options;
  options.bounds.set_disk(10);
  options.interval = absl::Milliseconds(1);
  options.disk = [] { return std::optional<uint64_t>(11); };
  options.kill = [&] { full(); };
  StepWatchdog disk(options);
  ASSERT_TRUE(full.Wait());
  disk.Stop();
  EXPECT_EQ(disk.reached()->bound(), v1::STEP_BOUND_DISK);
  v1::StepBounds bounds;
  bounds.set_processes(4);
  EXPECT_FALSE(BeyondLimit(bounds, {1 << 30, 4}));
  EXPECT_EQ(BeyondLimit(bounds, {0, 5})->bound(), v1::STEP_BOUND_PROCESSES);
}

TEST(StepWatchdogTest, WithoutALimitItDoesNotWatchAndWithinOneItDoesNotKill) {
  StepWatchdog idle({});
  EXPECT_FALSE(idle.watches());
  std::atomic<int> looks = 0;
  std::atomic<bool> killed = false;
  {
    WatchdogOptions options;
    options.bounds.set_memory(100);
    options.interval = absl::Milliseconds(1);
    options.processes = [&](bool) -> std::optional<ProcessSample> {
      ++looks;
      return looks % 2 == 0 ? std::nullopt : std::optional<ProcessSample>({100, 1});
    };
    options.kill = [&] { killed = true; };
    StepWatchdog dog(options);
    while (looks < 5) usleep(1000);
  }
  EXPECT_FALSE(killed);
}

TEST(ProcessSampleTest, CountsDescendantsWithTheirMemory) {
  ProcessOptions options;
  // 48 MiB that are no file's, in a grandchild: tail writes nothing before it has all, and then nobody reads
  // on.
  options.argv = {
      "sh", "-c",
      "(head -c 48M /dev/zero | tail -c 48M | (head -c 1 >/dev/null; echo ready; sleep 30)) & wait"};
  std::stop_source stop;
  options.stop = stop.get_token();
  pid_t root = 0;
  std::optional<ProcessSample> cheap, precise;
  options.on_start = [&](pid_t pid) { root = pid; };
  options.on_output = [&](OutputStream, std::string_view) {
    cheap = SampleDescendants(root, false);
    precise = SampleDescendants(root, true);
    stop.request_stop();
  };
  ASSERT_OK(RunProcess(options));
  ASSERT_TRUE(cheap && precise);
  EXPECT_GE(cheap->processes, 2u);
  EXPECT_GT(precise->memory, 40u << 20);
  // Shared pages count once.
  EXPECT_LE(precise->memory, cheap->memory + (4 << 20));
  EXPECT_FALSE(SampleDescendants(root, false, "/nonexistent").has_value());
}

}  // namespace
}  // namespace crossmill::worker
