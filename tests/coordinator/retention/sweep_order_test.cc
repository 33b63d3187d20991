#include "coordinator/retention/sweep_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/digest.h"

namespace crossmill::coordinator {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

BlobName NamedBlob(std::string_view text) { return NameOfHash(Sha256Hex(text)); }
BlobUse Use(std::string_view text, int64_t used_at, int64_t bytes = 1) {
  return {NamedBlob(text), bytes, used_at};
}

std::vector<BlobName> All(SweepOrder& order) {
  std::vector<BlobName> names;
  while (const auto next = order.Next()) names.push_back(next->name);
  return names;
}

TEST(NeededBlobsTest, WhoNeedsABlobFirstInOrderHasIt) {
  NeededBlobs needed;
  needed.Add(NamedBlob("a"), storage::NeededBy::kWheel);
  needed.Add(NamedBlob("a"), storage::NeededBy::kImage);
  needed.Add(NamedBlob("a"), storage::NeededBy::kPinnedBuild);
  EXPECT_EQ(needed.Find(NamedBlob("a")), storage::NeededBy::kImage);
  EXPECT_EQ(needed.Find(NamedBlob("b")), std::nullopt);
  needed.AddParts(NamedBlob("b"), {NamedBlob("c")});
  EXPECT_FALSE(needed.Contains(NamedBlob("c"))) << "what nobody needs needs nothing";
  needed.AddParts(NamedBlob("a"), {NamedBlob("c")});
  EXPECT_EQ(needed.Find(NamedBlob("c")), storage::NeededBy::kImage);
}

TEST(SweepOrderTest, LeastRecentlyUsedFirstOverAllShards) {
  SweepOrder order;
  const NeededBlobs none;
  const PartUses parts;
  order.AddShard({Use("c", 30), Use("a", 10)}, {}, none, parts, 100);
  order.AddShard({}, {}, none, parts, 100);
  order.AddShard({Use("b", 20), Use("d", 40)}, {}, none, parts, 100);
  EXPECT_EQ(order.count(), 4);
  EXPECT_THAT(All(order), ElementsAre(NamedBlob("a"), NamedBlob("b"), NamedBlob("c"), NamedBlob("d")));
  EXPECT_EQ(order.Next(), std::nullopt);
}

TEST(SweepOrderTest, NeitherWhatIsNeededNorWhatIsRecentGoes) {
  SweepOrder order;
  NeededBlobs needed;
  needed.Add(NamedBlob("needed"), storage::NeededBy::kRunningBuild);
  const auto considered = order.AddShard({Use("needed", 1, 5), Use("recent", 50, 7), Use("old", 49, 11)}, {},
                                         needed, PartUses(), 50);
  EXPECT_EQ(considered.needed_bytes, 5);
  EXPECT_EQ(considered.recent_bytes, 7);
  EXPECT_EQ(order.bytes(), 11);
  EXPECT_THAT(All(order), ElementsAre(NamedBlob("old")));
}

// A list that outlived one of its parts would take room for nothing.
TEST(SweepOrderTest, PartsNeverGoBeforeWhatIsMadeOfThem) {
  SweepOrder order;
  PartUses parts;
  const std::vector<BlobName> of_layer = {NamedBlob("part"), NamedBlob("shared")};
  const std::vector<BlobName> of_other = {NamedBlob("shared")};
  parts.Note(30, of_layer);
  parts.Note(60, of_other);
  const std::vector<BlobName> parted = {NamedBlob("layer"), NamedBlob("other")};
  order.AddShard({Use("part", 1), Use("shared", 1), Use("layer", 30), Use("other", 60), Use("alone", 40)},
                 parted, NeededBlobs(), parts, 100);
  EXPECT_THAT(All(order), ElementsAre(NamedBlob("layer"), NamedBlob("part"), NamedBlob("alone"),
                                      NamedBlob("other"), NamedBlob("shared")));
  SweepOrder recent;
  recent.AddShard({Use("part", 1), Use("shared", 1)}, {}, NeededBlobs(), parts, 30);
  EXPECT_THAT(All(recent), IsEmpty()) << "what is made of them was used at 30 and later";
}

}  // namespace
}  // namespace crossmill::coordinator
