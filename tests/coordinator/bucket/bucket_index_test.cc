#include "coordinator/storage/bucket/bucket_index.h"

#include <gtest/gtest.h>

#include "common/base/files.h"
#include "coordinator/bucket/waiting_uploads.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

using storage::BucketIndex;

Digest Numbered(int number) { return DigestOf(std::to_string(number)); }

class BucketIndexTest : public testing::Test {
 protected:
  void OpenIndex(const std::string& place = "s3://farm") {
    index_.reset();
    auto index = BucketIndex::Open(path_, place);
    ASSERT_OK(index);
    index_ = *std::move(index);
  }
  bool Has(int number) { return index_->Has(Numbered(number)).value_or(false); }

  const TemporaryFolder folder_ = *TemporaryFolder::Create();
  const std::string path_ = folder_.Path("bucket.db");
  std::unique_ptr<BucketIndex> index_;
};

TEST_F(BucketIndexTest, KnowsWhatWasAddedAfterItIsOpenedAgain) {
  OpenIndex();
  ASSERT_OK(index_->Add(Numbered(1)));
  ASSERT_OK(index_->Add(Numbered(22)));
  ASSERT_OK(index_->Forget(Numbered(1)));
  OpenIndex();
  EXPECT_FALSE(Has(1));
  EXPECT_TRUE(Has(22));
  EXPECT_EQ(index_->Sum().blobs, 1);
  EXPECT_EQ(index_->Sum().bytes, 2);
  Digest other = Numbered(22);
  other.size = 3;
  EXPECT_FALSE(*index_->Has(other));
  EXPECT_EQ(*index_->SizeOf(other.hash), 2);
}

TEST_F(BucketIndexTest, AListingForgetsWhatItDoesNotNameAndWasThereBefore) {
  OpenIndex();
  ASSERT_OK(index_->Add(Numbered(1)));
  ASSERT_OK(index_->Add(Numbered(2)));
  EXPECT_EQ(*index_->ListedAt(), absl::InfinitePast());
  ASSERT_OK(index_->BeginListing());
  ASSERT_OK(index_->AddListed({Numbered(2), Numbered(3)}));
  // Uploaded meanwhile.
  ASSERT_OK(index_->Add(Numbered(4)));
  ASSERT_OK(index_->EndListing(absl::FromUnixSeconds(1000)));
  EXPECT_FALSE(Has(1));
  EXPECT_TRUE(Has(2) && Has(3) && Has(4));
  EXPECT_EQ(index_->Sum().blobs, 3);
  EXPECT_EQ(*index_->ListedAt(), absl::FromUnixSeconds(1000));
}

TEST_F(BucketIndexTest, AListingThatBreaksOffForgetsNothing) {
  OpenIndex();
  ASSERT_OK(index_->Add(Numbered(1)));
  ASSERT_OK(index_->BeginListing());
  OpenIndex();
  EXPECT_TRUE(Has(1));
  ASSERT_OK(index_->BeginListing());
  ASSERT_OK(index_->AddListed({Numbered(1)}));
  ASSERT_OK(index_->EndListing(absl::FromUnixSeconds(1)));
  EXPECT_TRUE(Has(1));
}

TEST_F(BucketIndexTest, WhatAnotherBucketHasIsForgotten) {
  OpenIndex();
  ASSERT_OK(index_->Add(Numbered(1)));
  ASSERT_OK(index_->BeginListing());
  ASSERT_OK(index_->AddListed({Numbered(1)}));
  ASSERT_OK(index_->EndListing(absl::FromUnixSeconds(1)));
  OpenIndex("s3://elsewhere");
  EXPECT_FALSE(Has(1));
  EXPECT_EQ(*index_->ListedAt(), absl::InfinitePast());
}

TEST_F(BucketIndexTest, ADamagedFileIsMadeAgain) {
  ASSERT_OK(WriteFileAtomic(path_, std::string(20'000, 'x')));
  OpenIndex();
  EXPECT_EQ(index_->Sum().blobs, 0);
  ASSERT_OK(index_->Add(Numbered(1)));
}

TEST(WaitingUploadsTest, IsBoundedAndSaysSo) {
  WaitingUploads waiting;
  Digest digest{std::string(64, 'a'), 0};
  for (size_t i = 0; i < WaitingUploads::kMost + 5; ++i) {
    digest.size = static_cast<int64_t>(i) + 1;
    waiting.Add(digest);
    waiting.Add(digest);
  }
  EXPECT_EQ(waiting.Sum().blobs, static_cast<int64_t>(WaitingUploads::kMost));
  EXPECT_TRUE(waiting.Sum().more);
  EXPECT_FALSE(waiting.TakeOverflow());
  while (true) {
    const auto next = waiting.Take(std::chrono::milliseconds(0), {});
    if (!next.has_value()) break;
    waiting.Done(*next);
  }
  EXPECT_EQ(waiting.Sum().blobs, 0);
  EXPECT_EQ(waiting.Sum().bytes, 0);
  EXPECT_TRUE(waiting.TakeOverflow());
  EXPECT_FALSE(waiting.TakeOverflow());
}

TEST(WaitingUploadsTest, AFailedOneIsNextAndStillWaits) {
  WaitingUploads waiting;
  waiting.Add(Numbered(1));
  waiting.Add(Numbered(2));
  const auto first = waiting.Take(std::chrono::milliseconds(0), {});
  EXPECT_EQ(*first, Numbered(1));
  EXPECT_EQ(waiting.Sum().blobs, 2);
  waiting.Again(*first);
  EXPECT_EQ(*waiting.Take(std::chrono::milliseconds(0), {}), Numbered(1));
}

}  // namespace
}  // namespace crossmill::coordinator
