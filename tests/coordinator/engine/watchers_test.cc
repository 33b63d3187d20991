#include "coordinator/engine/watchers.h"

#include <gtest/gtest.h>

#include <thread>

namespace crossmill::coordinator {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

v1::BuildEvent Event(int64_t number) {
  v1::BuildEvent event;
  event.set_number(number);
  return event;
}

Watched Log(int64_t offset, std::string data) {
  Watched log;
  log.execution = 7;
  log.offset = offset;
  log.chunk.set_data(std::move(data));
  return log;
}

// Everything that waits: event numbers, and -1 - offset for console.
std::vector<int64_t> Drain(Watcher& watcher) {
  std::vector<int64_t> seen;
  bool ended = false;
  while (auto item = watcher.Next(milliseconds(0), &ended)) {
    seen.push_back(item->event ? item->event->number() : -1 - item->offset);
  }
  return seen;
}

using Seen = std::vector<int64_t>;

TEST(WatcherTest, ItemsComeInOrder) {
  Watcher watcher(true);
  watcher.Push(Watched{.event = Event(1)});
  watcher.Push(Log(0, "a"));
  watcher.Push(Watched{.event = Event(2)});
  EXPECT_EQ(Drain(watcher), (Seen{1, -1, 2}));
}

TEST(WatcherTest, WhatWasPushedBeforeTheCloseIsStillRead) {
  Watcher watcher(false);
  watcher.Push(Watched{.event = Event(1)});
  watcher.Close();
  watcher.Push(Watched{.event = Event(2)});
  bool ended = true;
  const auto item = watcher.Next(seconds(20), &ended);
  ASSERT_TRUE(item);
  EXPECT_FALSE(ended);
  EXPECT_EQ(item->event->number(), 1);
  EXPECT_FALSE(watcher.Next(seconds(20), &ended));
  EXPECT_TRUE(ended) << "pushed after the close, the second event is not there";
}

TEST(WatcherTest, PatienceEndsWithoutEnd) {
  Watcher watcher(false);
  bool ended = true;
  EXPECT_FALSE(watcher.Next(milliseconds(1), &ended));
  EXPECT_FALSE(ended);
}

TEST(WatcherTest, WaitingReaderIsWokenByItemAndByClose) {
  Watcher watcher(false);
  const std::jthread other([&] {
    std::this_thread::sleep_for(milliseconds(20));
    watcher.Push(Watched{.event = Event(1)});
    std::this_thread::sleep_for(milliseconds(20));
    watcher.Close();
  });
  bool ended = false;
  const auto began = std::chrono::steady_clock::now();
  while (!watcher.Next(seconds(20), &ended)) ASSERT_FALSE(ended);
  while (!ended) EXPECT_FALSE(watcher.Next(seconds(20), &ended));
  EXPECT_LT(std::chrono::steady_clock::now() - began, seconds(10));
}

TEST(WatcherTest, ConsoleIsOnlyForWhoWantsIt) {
  Watcher watcher(false);
  watcher.Push(Log(0, "a"));
  watcher.Push(Watched{.event = Event(1)});
  EXPECT_EQ(Drain(watcher), (Seen{1}));
}

TEST(WatcherTest, SlowReaderLosesConsoleButNeverEvents) {
  Watcher watcher(true);
  const std::string piece(1 << 20, 'x');
  for (int i = 0; i < 100; ++i) {
    watcher.Push(Log(i, piece));
    watcher.Push(Watched{.event = Event(i + 1)});
  }
  int events = 0;
  int64_t next_offset = 0;
  int logs = 0;
  bool ended = false;
  while (auto item = watcher.Next(milliseconds(0), &ended)) {
    if (item->event) {
      EXPECT_EQ(item->event->number(), ++events);
    } else {
      EXPECT_EQ(item->offset, next_offset++) << "what is there is the beginning";
      ++logs;
    }
  }
  EXPECT_EQ(events, 100);
  EXPECT_GE(logs, 16);
  EXPECT_LT(logs, 20);
  // Once read, there is room again.
  watcher.Push(Log(100, piece));
  EXPECT_EQ(Drain(watcher), (Seen{-101}));
}

class WatchersTest : public ::testing::Test {
 protected:
  std::shared_ptr<Watcher> Add(int64_t build, bool logs = false) {
    auto watcher = std::make_shared<Watcher>(logs);
    watchers_.Add(build, watcher);
    return watcher;
  }
  static bool Ended(Watcher& watcher) {
    bool ended = false;
    EXPECT_FALSE(watcher.Next(milliseconds(0), &ended));
    return ended;
  }
  Watchers watchers_;
};

TEST_F(WatchersTest, EveryWatcherOfTheBuildHearsAndNoOther) {
  const auto one = Add(1), two = Add(1), other = Add(2);
  watchers_.Publish(1, {Event(1), Event(2)});
  watchers_.Publish(3, {Event(1)});
  EXPECT_EQ(Drain(*one), (Seen{1, 2}));
  EXPECT_EQ(Drain(*two), (Seen{1, 2}));
  EXPECT_EQ(Drain(*other), (Seen{}));
}

TEST_F(WatchersTest, ConsoleGoesToThoseOfTheBuildThatWantIt) {
  const auto with = Add(1, true), without = Add(1), other = Add(2, true);
  watchers_.PublishLog(1, Log(3, "text"));
  EXPECT_EQ(Drain(*with), (Seen{-4}));
  EXPECT_EQ(Drain(*without), (Seen{}));
  EXPECT_EQ(Drain(*other), (Seen{}));
}

TEST_F(WatchersTest, RemovedWatcherHearsNothingMore) {
  const auto gone = Add(1), stays = Add(1);
  watchers_.Remove(1, gone);
  watchers_.Remove(1, gone);
  watchers_.Remove(5, gone);
  watchers_.Publish(1, {Event(1)});
  EXPECT_EQ(Drain(*gone), (Seen{}));
  EXPECT_EQ(Drain(*stays), (Seen{1}));
}

TEST_F(WatchersTest, CloseEndsOneBuildAndCloseAllTheRest) {
  const auto one = Add(1), two = Add(2), three = Add(3);
  watchers_.Close(1);
  EXPECT_TRUE(Ended(*one));
  EXPECT_FALSE(Ended(*two));
  watchers_.CloseAll(absl::UnavailableError("the end"));
  EXPECT_TRUE(Ended(*two));
  EXPECT_TRUE(Ended(*three));
  EXPECT_EQ(one->reason(), absl::OkStatus());
  EXPECT_EQ(three->reason().message(), "the end");
  EXPECT_TRUE(Ended(*Add(4))) << "one that comes later";
}

}  // namespace
}  // namespace crossmill::coordinator
