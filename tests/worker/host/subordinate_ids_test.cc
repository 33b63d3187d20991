// Which ids a worker maps: all that /etc/subuid and /etc/subgid give its user.
#include "worker/host/subordinate_ids.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/status.h"

namespace crossmill::worker {

bool operator==(const IdRange& a, const IdRange& b) { return a.first == b.first && a.count == b.count; }
void PrintTo(const IdRange& range, std::ostream* out) { *out << range.first << "+" << range.count; }

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint32_t kUid = 1000;

std::vector<IdRange> Ranges(std::string_view text) { return FindRanges(text, "app", kUid, kUid); }

TEST(SubordinateIdsTest, AllRangesOfTheUserCountInTheirOrder) {
  EXPECT_THAT(Ranges("# comment\napp:300000:65536\nother:500000:65535\n1000:100000:10\nbroken\n"
                     "app:2147483648:2147483647\n"),
              ElementsAre(IdRange{300000, 65536}, IdRange{100000, 10}, IdRange{2147483648U, 2147483647U}));
  EXPECT_THAT(Ranges("apps:300000:65536\n"), IsEmpty());
  EXPECT_EQ(CountIds(Ranges("app:300000:65536\napp:2147483648:2147483647\n")), 2147549183U);
}

TEST(SubordinateIdsTest, NoIdIsMappedTwice) {
  EXPECT_THAT(Ranges("app:100000:100\napp:100050:100\n"),
              ElementsAre(IdRange{100000, 100}, IdRange{100100, 50}));
  EXPECT_THAT(Ranges("app:100050:10\napp:100000:100\n"),
              ElementsAre(IdRange{100050, 10}, IdRange{100000, 50}, IdRange{100060, 40}));
  EXPECT_THAT(Ranges("app:100000:100\napp:100000:100\n"), ElementsAre(IdRange{100000, 100}));
  // The user itself is 0 already.
  EXPECT_THAT(Ranges("app:990:20\n"), ElementsAre(IdRange{990, 10}, IdRange{1001, 9}));
}

TEST(SubordinateIdsTest, TheIdThatIsNoneIsLeftOut) {
  EXPECT_THAT(Ranges("app:4294967290:6\n"), ElementsAre(IdRange{4294967290U, 5}));
  EXPECT_THAT(Ranges("app:4294967290:4294967295\n"), ElementsAre(IdRange{4294967290U, 5}));
  // Behind 0 there is room for 2^32 - 2 ids.
  EXPECT_EQ(CountIds(Ranges("app:0:4294967295\n")), 4294967294U);
}

TEST(SubordinateIdsTest, InAContainerOnlyItsOwnIdsCount) {
  const std::string_view text = "app:100000:65536\napp:2147483648:2147483647\n";
  EXPECT_THAT(FindRanges(text, "app", kUid, kUid, "         0     231072     131072\n"),
              ElementsAre(IdRange{100000, 31072}));
  EXPECT_THAT(FindRanges(text, "app", kUid, kUid, "0 1000 1\n1 231072 200000\n"),
              ElementsAre(IdRange{100000, 65536}));
  EXPECT_THAT(FindRanges(text, "app", kUid, kUid, ""), IsEmpty());
}

TEST(SubordinateIdsTest, AContainerOf16BitIdsHasEnough) {
  // All but root's and the worker's own, as deploy/helm gives them; one less would be refused.
  const std::vector<IdRange> ranges =
      FindRanges("app:1:799\napp:801:64735\n", "app", 800, 800, "0 1879048192 65536");
  EXPECT_THAT(ranges, ElementsAre(IdRange{1, 799}, IdRange{801, 64735}));
  EXPECT_EQ(CountIds(ranges), kLeastMappedIds);
}

TEST(SubordinateIdsTest, NoMoreRangesThanTheKernelTakes) {
  std::string text;
  for (int i = 0; i < 500; ++i) text += fmt::format("app:{}:1000\n", 4'000'000'000U + i * 2000U);
  const std::vector<IdRange> ranges = Ranges(text);
  size_t bytes = 0;
  for (const IdRange& range : ranges) {
    bytes += fmt::format("{} {} {}\n", 4'294'967'294U, range.first, range.count).size();
  }
  EXPECT_LT(bytes, 4096U - 40);
  EXPECT_GE(ranges.size(), 100U);
}

TEST(SubordinateIdsTest, ProposedRangeLiesInAGap) {
  EXPECT_EQ(FreeRangeStart(""), 100000U);
  EXPECT_EQ(FreeRangeStart("app:100000:1000\nother:500000:65535\n"), 101000U);
  EXPECT_EQ(FreeRangeStart("app:100000:1000\nother:150000:65535\n"), 215535U);
  EXPECT_EQ(FreeRangeStart("app:2147483648:2147483647\nother:100000:65536\n"), 165536U);
}

}  // namespace
}  // namespace crossmill::worker
