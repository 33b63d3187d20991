#include "coordinator/engine/jobs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <thread>
#include <vector>

#include "tests/support/eventually.h"

namespace crossmill::coordinator {
namespace {

TEST(JobsTest, EveryJobRunsOnce) {
  std::atomic<int> runs = 0;
  Jobs jobs(4);
  for (int i = 0; i < 1000; ++i) jobs.Run([&] { ++runs; });
  EXPECT_TRUE(Eventually([&] { return runs == 1000; })) << runs;
}

TEST(JobsTest, JobsRunAtTheSameTimeUpToTheNumberOfThreads) {
  std::promise<void> met;
  const std::shared_future<void> both = met.get_future().share();
  std::atomic<int> arrived = 0;
  std::atomic<int> finished = 0;
  Jobs jobs(2);
  for (int i = 0; i < 2; ++i) {
    jobs.Run([&] {
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
  Jobs jobs(1);
  for (int i = 0; i < 100; ++i) jobs.Run([&order, i] { order.push_back(i); });
  jobs.Run([&] { done.set_value(); });
  done.get_future().wait();
  ASSERT_EQ(order.size(), 100u);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(JobsTest, JobMayAskForAnother) {
  std::promise<void> done;
  Jobs jobs(1);
  jobs.Run([&] { jobs.Run([&] { done.set_value(); }); });
  EXPECT_EQ(done.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
}

TEST(JobsTest, StopWaitsForWhatRunsAndDropsWhatWaits) {
  std::promise<void> started;
  std::promise<void> release;
  std::atomic<bool> first = false;
  std::atomic<int> others = 0;
  Jobs jobs(1);
  jobs.Run([&] {
    started.set_value();
    release.get_future().wait();
    first = true;
  });
  for (int i = 0; i < 10; ++i) jobs.Run([&] { ++others; });
  started.get_future().wait();
  std::jthread stopper([&] { jobs.Stop(); });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_FALSE(first);
  release.set_value();
  stopper.join();
  EXPECT_TRUE(first);
  EXPECT_EQ(others, 0);
  jobs.Run([&] { ++others; });
  jobs.Stop();
  EXPECT_EQ(others, 0) << "nothing is taken after Stop";
}

}  // namespace
}  // namespace crossmill::coordinator
