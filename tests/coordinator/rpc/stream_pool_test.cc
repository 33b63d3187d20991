#include "coordinator/rpc/streams/stream_pool.h"

#include <gtest/gtest.h>

#include <atomic>

#include "tests/support/eventually.h"

namespace crossmill::coordinator {
namespace {

class CountedWork final : public StreamPool::Work {
 public:
  std::atomic<int> steps = 0;
  std::atomic<int> at_once = 0;
  std::atomic<bool> hold = false;
  std::atomic<bool> overlapped = false;

 private:
  void Step() override {
    if (++at_once > 1) overlapped = true;
    ++steps;
    while (hold) std::this_thread::yield();
    --at_once;
  }
};

TEST(StreamPoolTest, WhatIsWokenWhileItRunsRunsOnceMoreAndNeverTwiceAtATime) {
  StreamPool pool(4);
  const auto work = std::make_shared<CountedWork>();
  work->hold = true;
  pool.Soon(work);
  ASSERT_TRUE(Eventually([&] { return work->steps == 1; }));
  for (int i = 0; i < 100; ++i) pool.Soon(work);
  work->hold = false;
  ASSERT_TRUE(Eventually([&] { return work->steps == 2; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(work->steps, 2);
  EXPECT_FALSE(work->overlapped);
}

TEST(StreamPoolTest, WhatComesLaterComesInItsTime) {
  StreamPool pool(1);
  const auto late = std::make_shared<CountedWork>();
  const auto early = std::make_shared<CountedWork>();
  const auto begin = std::chrono::steady_clock::now();
  pool.After(late, std::chrono::seconds(60));
  pool.After(early, std::chrono::milliseconds(30));
  ASSERT_TRUE(Eventually([&] { return early->steps == 1; }));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(30));
  EXPECT_EQ(late->steps, 0);
}

TEST(StreamPoolTest, ManyStreamsNeedFewThreads) {
  std::vector<std::shared_ptr<CountedWork>> all;
  {
    StreamPool pool(2);
    for (int i = 0; i < 10'000; ++i) {
      all.push_back(std::make_shared<CountedWork>());
      pool.Soon(all.back());
    }
    ASSERT_TRUE(Eventually([&] { return all.back()->steps == 1; }));
    pool.After(all.front(), std::chrono::hours(1));
  }
  // The pool holds none of them any more.
  EXPECT_EQ(all.front().use_count(), 1);
}

}  // namespace
}  // namespace crossmill::coordinator
