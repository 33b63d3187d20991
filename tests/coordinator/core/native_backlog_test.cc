#include "coordinator/core/native_backlog.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace crossmill::core {
namespace {

TEST(RankedWorkTest, SumsWhatComesBefore) {
  std::mt19937 random(11);
  RankedWork work;
  std::map<QueueRank, int64_t> expected;
  for (uint64_t i = 0; i < 3000; ++i) {
    const QueueRank rank = RankOf(absl::FromUnixSeconds(random() % 50), absl::ZeroDuration(), i);
    if (random() % 3 != 0 || expected.empty()) {
      expected[rank] = random() % 1000;
      work.Add(rank, expected[rank]);
    } else {
      const auto gone = std::next(expected.begin(), static_cast<ptrdiff_t>(random() % expected.size()));
      work.Remove(gone->first);
      expected.erase(gone);
    }
    if (i % 100 != 0) continue;
    int64_t before = 0;
    for (const auto& [at, amount] : expected) {
      ASSERT_EQ(work.Before(at), before);
      before += amount;
    }
    ASSERT_EQ(work.total(), before);
  }
}

NativeBacklog::Waiting Task(uint64_t id, absl::Duration native, absl::Duration emulated) {
  const absl::Time came = absl::FromUnixSeconds(1000);
  return {id, RankOf(came, absl::ZeroDuration(), id), {native, emulated}, false, came};
}

TEST(NativeBacklogTest, WorkersShareWhatIsAhead) {
  const absl::Time now = absl::FromUnixSeconds(1000);
  NativeBacklog backlog({});
  for (uint64_t id = 0; id < 10; ++id) backlog.Add(Task(id, absl::Seconds(10), absl::Hours(1)));
  const NativeBacklog::Waiting last = Task(10, absl::Seconds(10), absl::Seconds(50));
  backlog.Add(last);
  // 100 s of work are ahead of it.
  EXPECT_FALSE(backlog.Better(now, 2).empty());
  EXPECT_TRUE(backlog.Better(now, 3).empty());
  for (int i = 0; i < 3; ++i) backlog.Begin(now + absl::Seconds(25));
  EXPECT_FALSE(backlog.Better(now, 1).empty()) << "175 s by three";
  EXPECT_TRUE(backlog.Better(now + absl::Seconds(20), 1).empty()) << "115 s by three";
  backlog.Remove(last);
  EXPECT_TRUE(backlog.Better(now, 1).empty());
}

TEST(NativeBacklogTest, WhatIsNeverEmulatedIsAheadAllTheSame) {
  const absl::Time now = absl::FromUnixSeconds(1000);
  NativeBacklog backlog({});
  NativeBacklog::Waiting strict = Task(1, absl::Seconds(100), absl::Seconds(1));
  strict.forbid_emulation = true;
  backlog.Add(strict);
  EXPECT_TRUE(backlog.Better(now + absl::Hours(1), 1).empty());
  backlog.Add(Task(2, absl::Seconds(10), absl::Seconds(50)));
  EXPECT_EQ(backlog.Better(now, 1).at(0), 2u);
  backlog.Remove(strict);
  EXPECT_TRUE(backlog.Better(now, 1).empty());
}

TEST(NativeBacklogTest, AnEndThatNobodyKnowsAddsNothing) {
  const absl::Time now = absl::FromUnixSeconds(1000);
  NativeBacklog backlog({});
  backlog.Add(Task(1, absl::Seconds(10), absl::Seconds(50)));
  backlog.Begin(absl::InfiniteFuture());
  EXPECT_TRUE(backlog.Better(now, 1).empty());
  backlog.End(absl::InfiniteFuture());
  backlog.Begin(now + absl::Seconds(60));
  EXPECT_FALSE(backlog.Better(now, 1).empty());
  backlog.End(now + absl::Seconds(60));
  EXPECT_TRUE(backlog.Better(now, 1).empty());
}

}  // namespace
}  // namespace crossmill::core
