#include "coordinator/bucket/bucket_blob_store.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <thread>

#include "absl/time/clock.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/blobs/blob_files.h"
#include "common/blobs/disk_blob_store.h"
#include "coordinator/bucket/bucket_keys.h"
#include "coordinator/storage/sqlite.h"
#include "tests/coordinator/bucket/memory_bucket.h"
#include "tests/support/eventually.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

// A disk without room for what is read from the bucket.
class FullCache final : public BlobStore {
 public:
  absl::StatusOr<std::vector<Digest>> FindMissing(absl::Span<const Digest>) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<std::unique_ptr<BlobReader>> Open(const Digest&, int64_t) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<std::unique_ptr<BlobWriter>> Create(const Digest&) override {
    return absl::ResourceExhaustedError("no room");
  }
};

class BucketStoreTest : public testing::Test {
 protected:
  BucketStoreTest() {
    options_.index_file = folder_.Path("bucket.db");
    options_.owner = "farm-1";
    options_.grace = absl::ZeroDuration();
    options_.interval = absl::Milliseconds(10);
    OpenStore();
  }

  void OpenStore() {
    disk_ = *OpenDiskBlobStore(folder_.Path("content"));
    auto store =
        BucketBlobStore::Start(*disk_, cache_ != nullptr ? *cache_ : *disk_, bucket_, clock_, options_);
    open_status_ = store.status();
    if (store.ok()) store_ = *std::move(store);
  }
  void CloseStore() {
    store_.reset();
    disk_.reset();
  }
  bool AllUploaded() {
    return Eventually(
        [this] { return store_->status().waiting_blobs == 0 && store_->status().trouble.empty(); });
  }
  // Written, copied, and off the disk.
  Digest OnlyInBucket(const std::string& bytes) {
    const Digest digest = *store_->PutBytes(bytes);
    EXPECT_TRUE(Eventually([&] { return store_->IsInBucket(digest).value_or(false); }));
    EXPECT_TRUE(Eventually([&] {
      store_->LeaveDisk(int64_t{1} << 40, {}).IgnoreError();
      return !OnDisk(digest);
    }));
    return digest;
  }
  // In a process of its own with a store of its own, that is killed behind it. What it did to the bucket is
  // not seen here.
  void DoAndBeKilled(const std::function<bool()>& act) {
    CloseStore();
    const pid_t child = fork();
    if (child == 0) {
      OpenStore();
      if (store_ == nullptr || !act()) _exit(1);
      kill(getpid(), SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "what was to be done failed";
    OpenStore();
  }
  // As if it had not been used since the epoch, in this process's memory neither.
  void MakeOld(const Digest& digest) {
    CloseStore();
    auto database = storage::Database::Open(options_.index_file);
    ASSERT_OK(database);
    ASSERT_OK(database->Execute("make a blob old", "UPDATE blobs SET used_at = 1"));
    OpenStore();
    ASSERT_EQ(*store_->UsedAt(NameOfHash(digest.hash)), 1);
  }
  bool OnDisk(const Digest& digest) { return disk_->FindMissing({digest})->empty(); }
  // Without that counting as a use.
  bool FileExists(const Digest& digest) { return Exists(BlobPath(folder_.Path("content"), digest.hash)); }
  std::string KeyOfBlob(const Digest& digest) { return KeyOf(digest.hash); }

  const TemporaryFolder folder_ = *TemporaryFolder::Create();
  SystemClock clock_;
  bucket::MemoryBucket bucket_;
  BucketStoreOptions options_;
  std::unique_ptr<BlobStore> cache_;
  std::unique_ptr<DiskBlobStore> disk_;
  absl::Status open_status_;
  std::unique_ptr<BucketBlobStore> store_;
};

TEST_F(BucketStoreTest, WhatIsWrittenIsCopiedAndReadAgainWithoutTheDisk) {
  const Digest digest = OnlyInBucket("hello");
  EXPECT_TRUE(store_->FindMissing({digest})->empty());
  auto content = store_->Get(digest);
  ASSERT_OK(content);
  EXPECT_EQ(*content, "hello");
  // Through the disk.
  EXPECT_TRUE(OnDisk(digest));
  EXPECT_EQ(store_->status().fetched_blobs, 1);
  EXPECT_EQ(store_->status().blobs, 1);
  EXPECT_EQ(store_->status().bytes, 5);
}

TEST_F(BucketStoreTest, ManyReadersOfOneBlobFetchItOnce) {
  const Digest digest = OnlyInBucket(std::string(1 << 20, 'x'));
  const int before = bucket_.gets();
  std::vector<std::jthread> readers;
  std::atomic<int> right = 0;
  for (int i = 0; i < 8; ++i) {
    readers.emplace_back([&] {
      const auto content = store_->Get(digest);
      if (content.ok() && *content == std::string(1 << 20, 'x')) ++right;
    });
  }
  readers.clear();
  EXPECT_EQ(right, 8);
  EXPECT_EQ(bucket_.gets(), before + 1);
}

TEST_F(BucketStoreTest, WithoutTheBucketWritesGoOnAndReadsSayWhy) {
  const Digest old = OnlyInBucket("old");
  bucket_.TakeAway();
  const auto fresh = store_->PutBytes("fresh");
  ASSERT_OK(fresh);
  EXPECT_EQ(*store_->Get(*fresh), "fresh");
  const auto read = store_->Get(old);
  EXPECT_TRUE(absl::IsUnavailable(read.status())) << read.status();
  EXPECT_NE(read.status().message().find("no route to host"), absl::string_view::npos) << read.status();
  // It is not missing: it will be there again.
  EXPECT_TRUE(store_->FindMissing({old, *fresh})->empty());
  EXPECT_TRUE(Eventually([&] { return !store_->status().trouble.empty(); }));
  EXPECT_EQ(store_->status().waiting_blobs, 1);
  EXPECT_EQ(store_->status().waiting_bytes, 5);
  // Nothing leaves the disk that nobody confirms.
  EXPECT_FALSE(store_->LeaveDisk(int64_t{1} << 40, {}).value_or(0) > 0);
  EXPECT_TRUE(OnDisk(*fresh));
  bucket_.BringBack();
  EXPECT_TRUE(AllUploaded());
  EXPECT_TRUE(bucket_.Has(KeyOfBlob(*fresh)));
  EXPECT_EQ(*store_->Get(old), "old");
}

TEST_F(BucketStoreTest, WrongKeysAreNoLossEither) {
  const Digest digest = OnlyInBucket("secret");
  bucket_.TakeAway(absl::PermissionDeniedError("HTTP 403"));
  EXPECT_TRUE(absl::IsUnavailable(store_->Get(digest).status()));
  bucket_.BringBack();
  EXPECT_EQ(*store_->Get(digest), "secret");
}

TEST_F(BucketStoreTest, WhatAKilledCoordinatorHadNotCopiedIsFoundOnTheDisk) {
  ASSERT_TRUE(AllUploaded());
  bucket_.TakeAway();
  const Digest digest = *store_->PutBytes("not yet");
  CloseStore();
  bucket_.BringBack();
  OpenStore();
  EXPECT_TRUE(Eventually([&] { return bucket_.Has(KeyOfBlob(digest)); }));
}

TEST_F(BucketStoreTest, ABlobInPartsIsCopiedWholeAndItsPartsStayUntilThen) {
  const std::string big(300 << 10, 'p');
  const Digest part = *store_->PutBytes(big);
  ASSERT_TRUE(AllUploaded());
  bucket_.TakeAway();
  auto writer = store_->Create({});
  ASSERT_OK(writer);
  ASSERT_OK((*writer)->Write("head"));
  ASSERT_OK((*writer)->WriteBlob(part));
  const auto whole = (*writer)->Commit();
  ASSERT_OK(whole);
  writer->reset();
  ASSERT_TRUE(disk_->uses().KnowsParts(NameOfHash(whole->hash)));
  bucket_.BringBack();
  // Uploads may be in their pause: the part is in the bucket, and must not go before the whole is.
  ASSERT_TRUE(Eventually([&] {
    store_->LeaveDisk(int64_t{1} << 40, {}).IgnoreError();
    EXPECT_TRUE(store_->IsInBucket(*whole).value_or(false) || OnDisk(part));
    return !OnDisk(part);
  }));
  EXPECT_TRUE(bucket_.Has(KeyOfBlob(*whole)));
  const auto content = store_->Get(*whole);
  ASSERT_OK(content);
  EXPECT_TRUE(*content == "head" + big);
}

TEST_F(BucketStoreTest, AnObjectThatIsGoneIsMissingFromThenOn) {
  const Digest digest = OnlyInBucket("gone");
  bucket_.Remove(KeyOfBlob(digest));
  const auto read = store_->Get(digest);
  EXPECT_TRUE(absl::IsNotFound(read.status())) << read.status();
  EXPECT_EQ(store_->FindMissing({digest})->size(), 1U);
  EXPECT_EQ(store_->status().lost_blobs, 1);
  // And is healed by who makes it again.
  ASSERT_OK(store_->PutBytes("gone"));
  EXPECT_TRUE(Eventually([&] { return bucket_.Has(KeyOfBlob(digest)); }));
}

TEST_F(BucketStoreTest, AnObjectWithOtherBytesIsNeverGivenToAnybody) {
  for (const char* wrong : {"wrong", "longer than it was", ""}) {
    const Digest digest = OnlyInBucket("right");
    bucket_.Set(KeyOfBlob(digest), wrong);
    const auto read = store_->Get(digest);
    EXPECT_TRUE(absl::IsDataLoss(read.status())) << read.status();
    EXPECT_EQ(store_->FindMissing({digest})->size(), 1U);
    // Else the next listing would believe it.
    EXPECT_FALSE(bucket_.Has(KeyOfBlob(digest)));
  }
}

TEST_F(BucketStoreTest, WhatTheBucketLostDoesNotLeaveTheDisk) {
  const Digest digest = *store_->PutBytes("dear");
  ASSERT_TRUE(Eventually([&] { return store_->IsInBucket(digest).value_or(false); }));
  bucket_.Remove(KeyOfBlob(digest));
  ASSERT_OK(store_->LeaveDisk(int64_t{1} << 40, {}));
  EXPECT_TRUE(OnDisk(digest));
  // It is copied again.
  EXPECT_TRUE(Eventually([&] { return bucket_.Has(KeyOfBlob(digest)); }));
}

TEST_F(BucketStoreTest, ADiskWithoutRoomIsDoneWithout) {
  const std::string bytes(9 << 20, 'r');
  const Digest digest = OnlyInBucket(bytes);
  CloseStore();
  cache_ = std::make_unique<FullCache>();
  OpenStore();
  auto content = store_->Get(digest);
  ASSERT_OK(content);
  EXPECT_TRUE(*content == bytes);
  EXPECT_FALSE(OnDisk(digest));
  auto reader = store_->Open(digest, digest.size - 3);
  ASSERT_OK(reader);
  char buffer[10];
  EXPECT_EQ((*reader)->Read(buffer, 10).value_or(0), 3U);
  EXPECT_EQ((*reader)->Read(buffer, 10).value_or(9), 0U);
  bucket_.Set(KeyOfBlob(digest), std::string(9 << 20, 'w'));
  EXPECT_TRUE(absl::IsDataLoss(store_->Get(digest).status()));
}

TEST_F(BucketStoreTest, SmallBlobsStayWhereLargeOnesAreEnough) {
  const Digest small = *store_->PutBytes("a document");
  const Digest large = *store_->PutBytes(std::string(200'000, 'l'));
  const Digest recent = *store_->PutBytes(std::string(200'000, 'r'));
  ASSERT_TRUE(Eventually([&] { return store_->IsInBucket(recent).value_or(false) && AllUploaded(); }));
  ASSERT_TRUE(OnDisk(recent));
  EXPECT_GT(store_->LeaveDisk(100'000, {}).value_or(0), 0);
  EXPECT_TRUE(OnDisk(small));
  EXPECT_NE(OnDisk(large), OnDisk(recent));
  // Nothing large is left beyond this.
  EXPECT_GT(store_->LeaveDisk(10'000'000, {}).value_or(0), 0);
  EXPECT_TRUE(bucket_.Has(KeyOfBlob(small)));
  EXPECT_FALSE(disk_->FindMissing({small, large, recent})->size() < 3);
}

TEST_F(BucketStoreTest, TheDiskStaysWithinItsBound) {
  CloseStore();
  options_.disk_bytes = 1 << 20;
  OpenStore();
  std::vector<Digest> all;
  for (int i = 0; i < 30; ++i)
    all.push_back(*store_->PutBytes(std::string(100'000, static_cast<char>('a' + i))));
  EXPECT_TRUE(Eventually([&] { return disk_->uses().disk_bytes() <= options_.disk_bytes; }));
  EXPECT_TRUE(store_->FindMissing(all)->empty());
  for (const Digest& digest : all) ASSERT_OK(store_->Get(digest));
  EXPECT_TRUE(Eventually([&] { return disk_->uses().disk_bytes() <= options_.disk_bytes; }));
}

TEST_F(BucketStoreTest, AnotherFarmsBucketIsRefused) {
  const Digest digest = *store_->PutBytes("mine");
  ASSERT_TRUE(Eventually([&] { return bucket_.Has(KeyOfBlob(digest)); }));
  CloseStore();
  options_.owner = "farm-2";
  OpenStore();
  EXPECT_TRUE(absl::IsFailedPrecondition(open_status_)) << open_status_;
  EXPECT_NE(open_status_.message().find("another farm"), absl::string_view::npos) << open_status_;
}

TEST_F(BucketStoreTest, AnotherFarmsBucketThatIsFoundLaterIsNotWritten) {
  CloseStore();
  bucket_.TakeAway();
  options_.owner = "farm-2";
  OpenStore();
  ASSERT_OK(open_status_);
  ASSERT_OK(store_->PutBytes("ours"));
  const size_t before = bucket_.count();
  bucket_.BringBack();
  EXPECT_TRUE(Eventually([&] { return store_->status().trouble.find("another farm") != std::string::npos; }));
  EXPECT_EQ(bucket_.count(), before);
  EXPECT_FALSE(store_->RemoveFromBucket(NameOfHash(std::string(64, 'a')), INT64_MAX, {}).ok());
}

TEST_F(BucketStoreTest, BeforeTheFirstListingTheBucketItselfIsAsked) {
  const Digest digest = OnlyInBucket("known to the bucket only");
  CloseStore();
  bucket_.TakeAway();
  options_.index_file = folder_.Path("other.db");
  OpenStore();
  // Not NOT_FOUND: nobody knows.
  EXPECT_TRUE(absl::IsUnavailable(store_->Get(digest).status())) << store_->Get(digest).status();
  bucket_.BringBack();
  EXPECT_TRUE(Eventually([&] { return store_->FindMissing({digest})->empty(); }));
  ASSERT_OK(store_->Get(digest));
  EXPECT_TRUE(absl::IsNotFound(store_->Get(Digest{std::string(64, 'a'), 7}).status()));
}

TEST_F(BucketStoreTest, OldUnfinishedUploadsAreAborted) {
  CloseStore();
  bucket_.AddUnfinished({"blobs/aa/x", "old", absl::Now() - absl::Hours(30)});
  bucket_.AddUnfinished({"blobs/aa/x", "new", absl::Now()});
  options_.index_file = folder_.Path("other.db");
  OpenStore();
  EXPECT_TRUE(Eventually([&] { return bucket_.unfinished() == 1; }));
}

TEST_F(BucketStoreTest, ABlobThatNothingNeedsGoesFromTheBucket) {
  const Digest digest = OnlyInBucket("waste");
  EXPECT_FALSE(*store_->RemoveFromBucket(NameOfHash(digest.hash), 1, {})) << "it was used since";
  EXPECT_TRUE(*store_->RemoveFromBucket(NameOfHash(digest.hash), INT64_MAX, {}));
  EXPECT_FALSE(*store_->RemoveFromBucket(NameOfHash(digest.hash), INT64_MAX, {})) << "it is gone";
  EXPECT_FALSE(bucket_.Has(KeyOfBlob(digest)));
  EXPECT_EQ(store_->FindMissing({digest})->size(), 1U);
  EXPECT_TRUE(absl::IsNotFound(store_->UrlOf(digest, absl::Minutes(1)).status()));
}

TEST_F(BucketStoreTest, WhatWasSaidToBeThereStaysAfterAKill) {
  const Digest digest = OnlyInBucket("told");
  const BlobName name = NameOfHash(digest.hash);
  MakeOld(digest);
  const int64_t before = absl::GetCurrentTimeNanos();
  DoAndBeKilled([&] { return store_->FindMissing({digest})->empty(); });
  EXPECT_FALSE(*store_->RemoveFromBucket(name, before, {})) << "who was killed had said that it is there";
  // The next one had it from the file, which is written to the index; who is killed then leaves it there.
  DoAndBeKilled([] { return true; });
  EXPECT_FALSE(*store_->RemoveFromBucket(name, before, {}));
  CloseStore();
  OpenStore();
  EXPECT_FALSE(*store_->RemoveFromBucket(name, before, {})) << "it is in the index now";
  EXPECT_TRUE(*store_->RemoveFromBucket(name, INT64_MAX, {}));
}

TEST_F(BucketStoreTest, AUrlHoldsAfterAKillAndItsBlobStays) {
  const Digest digest = OnlyInBucket("url");
  MakeOld(digest);
  const int64_t end = absl::ToUnixNanos(absl::Now() + absl::Hours(1));
  DoAndBeKilled([&] { return store_->UrlOf(digest, absl::Hours(1)).ok(); });
  EXPECT_FALSE(*store_->RemoveFromBucket(NameOfHash(digest.hash), end, {}));
}

TEST_F(BucketStoreTest, WhatLeftTheDiskBeforeAKillKeepsItsUse) {
  const Digest digest = OnlyInBucket("left");
  MakeOld(digest);
  // On the disk again, and used there, which the bucket's index does not know.
  ASSERT_EQ(*store_->Get(digest), "left");
  ASSERT_TRUE(OnDisk(digest));
  const int64_t used = *disk_->uses().UsedAt(NameOfHash(digest.hash));
  MakeOld(digest);
  DoAndBeKilled([&] {
    return Eventually([&] {
      store_->LeaveDisk(int64_t{1} << 40, {}).IgnoreError();
      return !FileExists(digest);
    });
  });
  ASSERT_FALSE(FileExists(digest));
  EXPECT_FALSE(*store_->RemoveFromBucket(NameOfHash(digest.hash), used, {}));
}

TEST_F(BucketStoreTest, AUrlIsForWhatTheBucketHas) {
  const Digest digest = OnlyInBucket("x");
  EXPECT_EQ(*store_->UrlOf(digest, absl::Minutes(1)), "url:" + KeyOfBlob(digest));
}

TEST(DiskScanTest, KeysAreThoseOfBlobsOnly) {
  const std::string hash(64, 'a');
  EXPECT_EQ(DigestOfKey(KeyOf(hash), 3), (Digest{hash, 3}));
  for (const std::string& key : {std::string("owner"), "blobs/ab/" + hash, "blobs/aa/" + hash + "x",
                                 "blobs/aa/" + std::string(64, 'A'), "blobs/" + hash})
    EXPECT_TRUE(DigestOfKey(key, 3).empty()) << key;
  EXPECT_TRUE(DigestOfKey(KeyOf(hash), 0).empty());
}

}  // namespace
}  // namespace crossmill::coordinator
