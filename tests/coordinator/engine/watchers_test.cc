#include "coordinator/engine/watchers.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <thread>

#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

v1::BuildEvent Plain(int64_t number) {
  v1::BuildEvent event;
  event.set_number(number);
  return event;
}
std::shared_ptr<const v1::BuildEvent> Event(int64_t number) {
  return std::make_shared<const v1::BuildEvent>(Plain(number));
}

// The record of a build: events are there before they are pushed.
struct RecordOfBuild {
  ReadEvents Reader() {
    return [this](int64_t from, int limit) -> absl::StatusOr<std::vector<v1::BuildEvent>> {
      ++reads;
      if (!damage.ok()) return damage;
      std::vector<v1::BuildEvent> page;
      for (int64_t number = from; number <= last && static_cast<int>(page.size()) < limit; ++number)
        page.push_back(Plain(number));
      if (during_read) during_read();
      return page;
    };
  }
  int64_t last = 0;
  int reads = 0;
  absl::Status damage;
  // Happens while a page is on its way.
  std::function<void()> during_read;
};

ReadEvents Nothing() {
  return [](int64_t, int) -> absl::StatusOr<std::vector<v1::BuildEvent>> {
    return std::vector<v1::BuildEvent>();
  };
}

// It has taken what is on record.
void CatchUp(Watcher& watcher) {
  bool ended = false;
  ASSERT_FALSE(watcher.Next(milliseconds(0), &ended));
}

Watched Log(int64_t offset, std::string data) {
  Watched log;
  log.execution = 7;
  log.offset = offset;
  log.chunk.set_data(std::move(data));
  return log;
}

// A console of so many chunks, which are their numbers; notes what is read at a time.
ReadConsole Console(std::vector<int>* reads) {
  return [reads](int64_t execution, int64_t from, int limit) -> absl::StatusOr<std::vector<v1::LogChunk>> {
    if (execution == 9) return absl::DataLossError("gone");
    reads->push_back(limit);
    std::vector<v1::LogChunk> chunks(static_cast<size_t>(limit));
    for (int i = 0; i < limit; ++i) chunks[static_cast<size_t>(i)].set_data(std::to_string(from + i));
    return chunks;
  };
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

TEST(WatcherTest, ConsolesThereAreAreReadInPiecesBeforeWhatComes) {
  std::vector<int> reads;
  Watcher watcher(1, true, Nothing(), Console(&reads));
  watcher.AddConsole({.execution = 9, .end = 5});
  watcher.AddConsole({.execution = 7, .end = 100});
  ASSERT_OK(watcher.ReadFirst());
  watcher.Push(Log(100, "new"));
  bool ended = false;
  for (int64_t offset = 0; offset <= 100; ++offset) {
    const auto item = watcher.Next(milliseconds(0), &ended);
    ASSERT_TRUE(item);
    EXPECT_EQ(item->offset, offset);
    EXPECT_EQ(item->chunk.data(), offset == 100 ? "new" : std::to_string(offset));
    // Never more in memory than a page beyond what was taken.
    EXPECT_LE(static_cast<int64_t>(reads.size()), offset / Watcher::kConsolePage + 1);
  }
  EXPECT_FALSE(watcher.Next(milliseconds(0), &ended));
  for (const int read : reads) EXPECT_LE(read, Watcher::kConsolePage);
}

TEST(WatcherTest, ChunksThatHoldNothingCountToo) {
  Watcher watcher(1, true, Nothing());
  ASSERT_OK(watcher.ReadFirst());
  const auto most = static_cast<int64_t>(Watcher::kMostWaitingLogBytes / Watcher::kChunkBytes);
  for (int64_t offset = 0; offset < 2 * most; ++offset) watcher.Push(Log(offset, ""));
  EXPECT_LE(static_cast<int64_t>(Drain(watcher).size()), most + 2);
}

TEST(WatcherTest, ItemsComeInOrder) {
  Watcher watcher(1, true, Nothing());
  CatchUp(watcher);
  watcher.Push(Watched{.event = Event(1)});
  watcher.Push(Log(0, "a"));
  watcher.Push(Watched{.event = Event(2)});
  EXPECT_EQ(Drain(watcher), (Seen{1, -1, 2}));
}

TEST(WatcherTest, WhatWasPushedBeforeTheCloseIsStillRead) {
  Watcher watcher(1, false, Nothing());
  CatchUp(watcher);
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
  Watcher watcher(1, false, Nothing());
  CatchUp(watcher);
  bool ended = true;
  EXPECT_FALSE(watcher.Next(milliseconds(1), &ended));
  EXPECT_FALSE(ended);
}

TEST(WatcherTest, WaitingReaderIsWokenByItemAndByClose) {
  Watcher watcher(1, false, Nothing());
  CatchUp(watcher);
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
  Watcher watcher(1, false, Nothing());
  CatchUp(watcher);
  watcher.Push(Log(0, "a"));
  watcher.Push(Watched{.event = Event(1)});
  EXPECT_EQ(Drain(watcher), (Seen{1}));
}

TEST(WatcherTest, SlowReaderLosesConsoleButNeverEvents) {
  Watcher watcher(1, true, Nothing());
  CatchUp(watcher);
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

Seen From(int64_t first, int64_t last) {
  Seen numbers;
  for (int64_t number = first; number <= last; ++number) numbers.push_back(number);
  return numbers;
}

TEST(WatcherTest, WhatIsOnRecordComesFirstAndOnce) {
  RecordOfBuild record;
  record.last = 1000;
  Watcher watcher(3, false, record.Reader());
  EXPECT_OK(watcher.ReadFirst());
  // Published while it reads: before it looked they are on record only, later in both places.
  record.during_read = [&] {
    if (record.last < 1010) watcher.Push(Watched{.event = Event(++record.last)});
  };
  const Seen seen = Drain(watcher);
  EXPECT_GT(record.last, 1000);
  EXPECT_EQ(seen, From(3, record.last));
  watcher.Push(Watched{.event = Event(++record.last)});
  watcher.Close();
  EXPECT_EQ(Drain(watcher), From(record.last, record.last));
}

// However far the build is ahead: it holds a bounded number, and reads the others when they are taken.
TEST(WatcherTest, ASlowReaderIsGivenWhatFoundNoRoomFromTheRecord) {
  RecordOfBuild record;
  Watcher watcher(1, false, record.Reader());
  CatchUp(watcher);
  const auto publish = [&](int64_t count) {
    for (int64_t i = 0; i < count; ++i) watcher.Push(Watched{.event = Event(++record.last)});
  };
  publish(Watcher::kMostWaitingEvents);
  const int before = record.reads;
  EXPECT_EQ(Drain(watcher), From(1, record.last));
  EXPECT_EQ(record.reads, before) << "it was there";
  const int64_t from = record.last + 1;
  publish(50'000);
  const auto one = std::make_shared<const v1::BuildEvent>(Plain(++record.last));
  watcher.Push(Watched{.event = one});
  EXPECT_EQ(one.use_count(), 1) << "it holds none of what it will read";
  watcher.Close();
  EXPECT_EQ(Drain(watcher), From(from, record.last));
  bool ended = false;
  EXPECT_FALSE(watcher.Next(milliseconds(0), &ended));
  EXPECT_TRUE(ended);
}

// What is passed over is no end of the wait.
TEST(WatcherTest, AnEventThatWasReadAlreadyIsNotWhatIsWaitedFor) {
  RecordOfBuild record;
  record.last = 1;
  Watcher watcher(1, false, record.Reader());
  record.during_read = [&] { watcher.Push(Watched{.event = Event(1)}); };
  bool ended = false;
  ASSERT_EQ(watcher.Next(milliseconds(0), &ended)->event->number(), 1);
  record.during_read = nullptr;
  const std::jthread other([&] {
    std::this_thread::sleep_for(milliseconds(20));
    watcher.Push(Watched{.event = Event(2)});
  });
  const auto next = watcher.Next(seconds(20), &ended);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->event->number(), 2);
}

TEST(WatcherTest, LargeEventsCountByTheirBytes) {
  RecordOfBuild record;
  Watcher watcher(1, false, record.Reader());
  CatchUp(watcher);
  v1::BuildEvent large = Plain(1);
  large.mutable_notice()->set_text(std::string(Watcher::kMostWaitingEventBytes + 1, 'x'));
  record.last = 1;
  const auto shared = std::make_shared<const v1::BuildEvent>(large);
  watcher.Push(Watched{.event = shared});
  EXPECT_EQ(shared.use_count(), 1);
  EXPECT_EQ(Drain(watcher), From(1, 1));
}

TEST(WatcherTest, ARecordThatCannotBeReadEndsItAndSaysWhy) {
  RecordOfBuild record;
  record.last = 1000;
  Watcher watcher(1, false, record.Reader());
  bool ended = false;
  ASSERT_TRUE(watcher.Next(milliseconds(0), &ended));
  record.damage = absl::DataLossError("gone");
  int64_t seen = 1;
  while (watcher.Next(milliseconds(0), &ended)) ++seen;
  EXPECT_EQ(seen, Watcher::kRecordPage);
  EXPECT_TRUE(ended);
  EXPECT_EQ(watcher.reason().message(), "gone");
  EXPECT_EQ(Watcher(1, false, record.Reader()).ReadFirst().message(), "gone");
}

class WatchersTest : public ::testing::Test {
 protected:
  std::shared_ptr<Watcher> Add(int64_t build, bool logs = false) {
    auto watcher = std::make_shared<Watcher>(1, logs, Nothing());
    CatchUp(*watcher);
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
  watchers_.Publish(1, {Plain(1), Plain(2)});
  watchers_.Publish(3, {Plain(1)});
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
  watchers_.Publish(1, {Plain(1)});
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
