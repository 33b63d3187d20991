#include "common/blobs/blob_uses.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "common/base/digest.h"

namespace crossmill {
namespace {

using testing::ElementsAre;

BlobName Named(std::string_view text) { return NameOfHash(Sha256Hex(text)); }

constexpr int64_t kSecond = 1'000'000'000;

TEST(BlobNameTest, HashesComeBackAsTheyWere) {
  for (const char* text : {"", "a", "b", "content"}) EXPECT_EQ(HashOfName(Named(text)), Sha256Hex(text));
  EXPECT_NE(Named("a"), Named("b"));
}

TEST(BlobUsesTest, CountsEachFileOnceHoweverOftenItIsPut) {
  BlobUses uses;
  EXPECT_FALSE(uses.Touch(Named("a"), 5).known);
  EXPECT_EQ(uses.count(), 0) << "asking for a blob does not make it known";
  uses.Put(Named("a"), BlobForm::kWhole, 8, 5);
  uses.Put(Named("a"), BlobForm::kWhole, 16, 4);
  uses.Put(Named("a"), BlobForm::kParts, 8, 6, {Named("b")});
  uses.Put(Named("b"), BlobForm::kWhole, 0, 1);
  EXPECT_EQ(uses.count(), 2);
  EXPECT_EQ(uses.disk_bytes(), 24 * 512);
  uses.Drop(Named("a"), BlobForm::kWhole);
  EXPECT_EQ(uses.disk_bytes(), 8 * 512);
  EXPECT_TRUE(uses.Touch(Named("a"), 7).known) << "its parts are still there";
  uses.Drop(Named("a"), BlobForm::kParts);
  EXPECT_FALSE(uses.Touch(Named("a"), 7).known);
  EXPECT_EQ(uses.count(), 1);
  EXPECT_EQ(uses.disk_bytes(), 0);
}

TEST(BlobUsesTest, RemovesOnlyWhatWasNotUsedSince) {
  BlobUses uses;
  uses.Put(Named("a"), BlobForm::kWhole, 8, 10);
  EXPECT_FALSE(uses.BeginRemoval(Named("a"), 10));
  EXPECT_FALSE(uses.BeginRemoval(Named("never"), 10));
  ASSERT_TRUE(uses.BeginRemoval(Named("a"), 11));
  EXPECT_FALSE(uses.BeginRemoval(Named("a"), 11)) << "one at a time";
  uses.EndRemoval(Named("a"), false);
  EXPECT_TRUE(uses.Touch(Named("a"), 20).known) << "what could not be removed is still there";
  EXPECT_FALSE(uses.BeginRemoval(Named("a"), 20));
  ASSERT_TRUE(uses.BeginRemoval(Named("a"), 21));
  uses.EndRemoval(Named("a"), true);
  EXPECT_EQ(uses.disk_bytes(), 0);
  EXPECT_EQ(uses.count(), 0);
}

TEST(BlobUsesTest, WhatIsHeldStaysUntilTheLastOneLetsGo) {
  BlobUses uses;
  uses.Put(Named("a"), BlobForm::kWhole, 8, 10);
  BlobUses::Hold first(uses);
  first.Add(Named("a"));
  {
    BlobUses::Hold second(uses);
    second.Add(Named("a"));
    const BlobUses::Hold moved(std::move(second));
  }
  EXPECT_FALSE(uses.BeginRemoval(Named("a"), 100));
  { const BlobUses::Hold gone(std::move(first)); }
  EXPECT_TRUE(uses.BeginRemoval(Named("a"), 100));
  uses.EndRemoval(Named("a"), true);
}

TEST(BlobUsesTest, WhoAsksDuringARemovalWaitsForItsEnd) {
  BlobUses uses;
  uses.Put(Named("a"), BlobForm::kWhole, 8, 10);
  ASSERT_TRUE(uses.BeginRemoval(Named("a"), 11));
  std::atomic<bool> answered = false;
  std::thread asks([&] {
    EXPECT_FALSE(uses.Touch(Named("a"), 50).known);
    answered = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_FALSE(answered);
  uses.EndRemoval(Named("a"), true);
  asks.join();
}

TEST(BlobUsesTest, UsesAreWrittenWhenTheyAreMuchNewerThanWhatIsOnDisk) {
  BlobUses uses;
  const BlobName a = Named("a");
  uses.Put(a, BlobForm::kWhole, 8, 1500 * kSecond, {}, 1000 * kSecond);
  EXPECT_FALSE(uses.Touch(a, (1000 + BlobUses::kWriteAfter - 1) * kSecond).to_write);
  EXPECT_TRUE(uses.Touch(a, (1000 + BlobUses::kWriteAfter) * kSecond).to_write);
  EXPECT_FALSE(uses.Touch(a, (1000 + BlobUses::kWriteAfter) * kSecond).to_write) << "it is written now";
}

TEST(BlobUsesTest, PartsAreNamedOnceEach) {
  BlobUses uses;
  const BlobName whole = Named("whole");
  uses.Put(whole, BlobForm::kParts, 8, 1, {Named("a"), Named("a")});
  const auto parted = uses.Parted(whole.bytes[0]);
  ASSERT_EQ(parted.size(), 1u);
  EXPECT_EQ(parted[0].first, whole);
  EXPECT_THAT(parted[0].second, ElementsAre(Named("a")));
}

}  // namespace
}  // namespace crossmill
