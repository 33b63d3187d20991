#include "coordinator/engine/jobs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <set>
#include <stop_token>
#include <thread>
#include <vector>

#include "tests/support/eventually.h"

namespace crossmill::coordinator {
namespace {

constexpr JobKind kKind = JobKind::kProcessor;

JobThreads Threads(int processor) { return {.network = 1, .processor = processor}; }

TEST(JobsTest, EveryJobRunsOnce) {
  std::atomic<int> runs = 0;
  Jobs jobs(Threads(4));
  for (int i = 0; i < 1000; ++i) jobs.Run(kKind, {}, [&](const std::stop_token&) { ++runs; });
  EXPECT_TRUE(Eventually([&] { return runs == 1000; })) << runs;
}

TEST(JobsTest, JobsRunAtTheSameTimeUpToTheNumberOfThreads) {
  std::promise<void> met;
  const std::shared_future<void> both = met.get_future().share();
  std::atomic<int> arrived = 0;
  std::atomic<int> finished = 0;
  Jobs jobs(Threads(2));
  for (int i = 0; i < 2; ++i) {
    jobs.Run(kKind, {}, [&](const std::stop_token&) {
      if (++arrived == 2) met.set_value();
      both.wait_for(std::chrono::seconds(20));
      ++finished;
    });
  }
  EXPECT_EQ(both.wait_for(std::chrono::seconds(20)), std::future_status::ready);
  EXPECT_TRUE(Eventually([&] { return finished == 2; }));
}

TEST(JobsTest, OneThreadKeepsTheOrder) {
  std::vector<int> order;
  std::promise<void> done;
  Jobs jobs(Threads(1));
  for (int i = 0; i < 100; ++i)
    jobs.Run(kKind, {}, [&order, i](const std::stop_token&) { order.push_back(i); });
  jobs.Run(kKind, {}, [&](const std::stop_token&) { done.set_value(); });
  done.get_future().wait();
  ASSERT_EQ(order.size(), 100u);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(JobsTest, JobMayAskForAnother) {
  std::promise<void> done;
  Jobs jobs(Threads(1));
  jobs.Run(kKind, {}, [&](const std::stop_token&) {
    jobs.Run(kKind, {}, [&](const std::stop_token&) { done.set_value(); });
  });
  EXPECT_EQ(done.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
}

TEST(JobsTest, StopWaitsForWhatRunsAndDropsWhatWaits) {
  std::promise<void> started;
  std::promise<void> release;
  std::atomic<bool> first = false;
  std::atomic<int> others = 0;
  Jobs jobs(Threads(1));
  jobs.Run(kKind, {}, [&](const std::stop_token&) {
    started.set_value();
    release.get_future().wait();
    first = true;
  });
  for (int i = 0; i < 10; ++i) jobs.Run(kKind, {}, [&](const std::stop_token&) { ++others; });
  started.get_future().wait();
  std::jthread stopper([&] { jobs.Stop(); });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_FALSE(first);
  release.set_value();
  stopper.join();
  EXPECT_TRUE(first);
  EXPECT_EQ(others, 0);
  jobs.Run(kKind, {}, [&](const std::stop_token&) { ++others; });
  jobs.Stop();
  EXPECT_EQ(others, 0) << "nothing is taken after Stop";
}

TEST(JobsTest, KindsDoNotWaitForEachOther) {
  std::promise<void> release;
  const std::shared_future<void> released = release.get_future().share();
  std::promise<void> done;
  Jobs jobs({.network = 2, .processor = 1});
  for (int i = 0; i < 5; ++i) {
    jobs.Run(JobKind::kNetwork, {}, [&](const std::stop_token&) { released.wait(); });
  }
  jobs.Run(JobKind::kProcessor, {}, [&](const std::stop_token&) { done.set_value(); });
  EXPECT_EQ(done.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
  release.set_value();
}

// Returns when it is told to stop, and only then.
void WaitForStop(const std::stop_token& stop) {
  std::promise<void> stopped;
  const std::stop_callback told(stop, [&] { stopped.set_value(); });
  stopped.get_future().wait();
}

TEST(JobsTest, StopTellsTheJobsThatRun) {
  std::promise<void> started;
  Jobs jobs(Threads(1));
  jobs.Run(kKind, {}, [&](const std::stop_token& stop) {
    started.set_value();
    WaitForStop(stop);
  });
  started.get_future().wait();
  jobs.Stop();
}

TEST(JobsTest, JobStopsWithItsOwnToken) {
  std::stop_source stop;
  std::promise<void> ended;
  Jobs jobs(Threads(1));
  jobs.Run(kKind, stop.get_token(), [&](const std::stop_token& token) {
    WaitForStop(token);
    ended.set_value();
  });
  stop.request_stop();
  EXPECT_EQ(ended.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
}

TEST(JobsTest, ThreadsAreOnlyStartedWhenTheyAreNeeded) {
  std::set<std::thread::id> ids;
  Jobs jobs(Threads(8));
  for (int i = 0; i < 20; ++i) {
    std::promise<void> done;
    jobs.Run(kKind, {}, [&](const std::stop_token&) {
      ids.insert(std::this_thread::get_id());
      done.set_value();
    });
    done.get_future().wait();
    // A thread is free again a moment after its job.
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  jobs.Stop();
  EXPECT_LE(ids.size(), 4u);
}

}  // namespace
}  // namespace crossmill::coordinator
