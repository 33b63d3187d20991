#include "common/base/keyed_lock.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/status_matchers.h"

namespace crossmill {
namespace {

TEST(KeyedLockTest, EqualKeysOneAfterTheOtherOthersSideBySide) {
  KeyedLock lock;
  std::atomic<int> inside = 0;
  std::atomic<bool> both = false;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 200; ++round) {
        const KeyedLock::Hold hold(lock, "same");
        if (++inside > 1) both = true;
        --inside;
      }
    });
  }
  threads.clear();
  EXPECT_FALSE(both);
  const KeyedLock::Hold one(lock, "one");
  const KeyedLock::Hold two(lock, "two");
}

TEST(KeyedLockTest, StopEndsAWaitAtOnce) {
  KeyedLock lock;
  const KeyedLock::Hold held(lock, "key");
  std::stop_source stop;
  auto waited = std::async(std::launch::async,
                           [&] { return KeyedLock::Hold::Wait(lock, "key", stop.get_token()).status(); });
  stop.request_stop();
  EXPECT_TRUE(absl::IsCancelled(waited.get()));
  EXPECT_TRUE(absl::IsCancelled(KeyedLock::Hold::Wait(lock, "other", stop.get_token()).status()));
}

TEST(KeyedLockTest, StoppedHolderWorksOnWhileSomebodyWaits) {
  KeyedLock lock;
  std::stop_source first_stop, second_stop, third_stop;
  auto first = KeyedLock::Hold::Wait(lock, "key", first_stop.get_token());
  ASSERT_OK(first.status());
  const auto wait = [&](const std::stop_source& stop) {
    return std::async(std::launch::async, [&lock, token = stop.get_token()] {
      return KeyedLock::Hold::Wait(lock, "key", token).status();
    });
  };
  auto second = wait(second_stop);
  auto third = wait(third_stop);
  // Nothing shows from outside that a thread waits; until then the holder's token would stop.
  const std::stop_token token = (*first)->stop_token();
  ASSERT_TRUE(Eventually([&] { return lock.WaitingFor("key") == 2; }));
  first_stop.request_stop();
  EXPECT_FALSE(token.stop_requested());
  second_stop.request_stop();
  EXPECT_TRUE(absl::IsCancelled(second.get()));
  EXPECT_FALSE(token.stop_requested()) << "the third still waits";
  third_stop.request_stop();
  EXPECT_TRUE(absl::IsCancelled(third.get()));
  EXPECT_TRUE(token.stop_requested());
  first->reset();
  // A new holder begins anew.
  const auto next = KeyedLock::Hold::Wait(lock, "key", {});
  ASSERT_OK(next.status());
  EXPECT_FALSE((*next)->stop_token().stop_requested());
}

TEST(KeyedLockTest, HolderWithoutWaitersStopsWithItsToken) {
  KeyedLock lock;
  std::stop_source stop;
  const auto hold = KeyedLock::Hold::Wait(lock, "key", stop.get_token());
  ASSERT_OK(hold.status());
  EXPECT_FALSE((*hold)->stop_token().stop_requested());
  stop.request_stop();
  EXPECT_TRUE((*hold)->stop_token().stop_requested());
}

TEST(KeyedLockTest, WaiterGetsTheKeyOfAStoppedHolder) {
  KeyedLock lock;
  std::stop_source stop;
  auto first = KeyedLock::Hold::Wait(lock, "key", stop.get_token());
  ASSERT_OK(first.status());
  auto second = std::async(std::launch::async, [&] {
    auto hold = KeyedLock::Hold::Wait(lock, "key", {});
    return hold.ok() && !(*hold)->stop_token().stop_requested();
  });
  ASSERT_TRUE(Eventually([&] { return lock.WaitingFor("key") == 1; }));
  stop.request_stop();
  first->reset();
  EXPECT_TRUE(second.get());
}

}  // namespace
}  // namespace crossmill
