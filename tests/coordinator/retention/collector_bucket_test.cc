// The collector before a bucket: what leaves the disk, and what the bucket forgets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "absl/time/clock.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/blobs/blob_files.h"
#include "coordinator/images/image_records.h"
#include "coordinator/retention/collector.h"
#include "coordinator/storage/image_records_sqlite.h"
#include "tests/coordinator/bucket/memory_bucket.h"
#include "tests/support/fake_clock.h"
#include "tests/support/random_bytes.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

constexpr int64_t kBlobBytes = 1 << 20;

class CollectorBucketTest : public testing::Test {
 protected:
  CollectorBucketTest() {
    BucketStoreOptions options;
    options.index_file = folder_.Path("bucket.db");
    options.owner = "farm";
    options.grace = absl::ZeroDuration();
    options.interval = absl::Milliseconds(5);
    store_ = *BucketBlobStore::Start(*blobs_, *blobs_, bucket_, clock_, options);
    CollectorOptions collecting;
    collecting.interval = absl::Milliseconds(20);
    collecting.patience = absl::Milliseconds(20);
    collecting.bucket = store_.get();
    // Once, at the start.
    collecting.bucket_interval = absl::InfiniteDuration();
    collector_ = std::make_unique<Collector>(*blobs_, *records_->OpenAnother(), logs_, held_, room_, clock_,
                                             std::move(collecting));
    collector_->SetPolicies(policies_);
    collector_->Start();
    EXPECT_TRUE(Eventually([&] { return blobs_->uses().complete(); }));
    // Behind the first look around.
    Sweep();
    Sweep();
  }
  ~CollectorBucketTest() override { collector_.reset(); }

  template <typename F>
  bool Eventually(const F& holds) {
    for (int i = 0; i < 3000 && !holds(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return holds();
  }
  Digest Put(int seed, int64_t bytes = kBlobBytes) {
    const Digest digest = *store_->PutBytes(RandomBytes(static_cast<size_t>(bytes), seed));
    EXPECT_TRUE(Eventually([&] { return InBucket(digest); }));
    return digest;
  }
  bool InBucket(const Digest& digest) { return store_->IsInBucket(digest).value_or(false); }
  bool OnDisk(const Digest& digest) {
    return std::filesystem::exists(BlobPath(folder_.Path("content"), digest.hash));
  }
  void LeaveDisk(const std::vector<Digest>& digests) {
    EXPECT_TRUE(Eventually([&] {
      store_->LeaveDisk(int64_t{1} << 40, {}).IgnoreError();
      return std::none_of(digests.begin(), digests.end(),
                          [&](const Digest& digest) { return OnDisk(digest); });
    }));
  }
  void Set(Policy policy, int64_t value) {
    policies_.Set(policy, value);
    collector_->SetPolicies(policies_);
  }
  SweepReport Sweep(const SweepRequest& request = {}) {
    const auto report = collector_->Sweep(request, {});
    EXPECT_OK(report);
    return report.value_or(SweepReport());
  }
  // An image with a name; its index, manifest, config and layer.
  std::vector<Digest> PutImage(int seed) {
    const auto named = [](const Digest& digest) {
      return fmt::format(R"({{"mediaType":"x","digest":"{}","size":{}}})", digest.Oci(), digest.size);
    };
    const Digest config = Put(seed, 100), layer = Put(seed + 1);
    const Digest manifest = *store_->PutBytes(fmt::format(
        R"({{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{},"layers":[{}]}})",
        named(config), named(layer)));
    EXPECT_TRUE(Eventually([&] { return InBucket(manifest); }));
    storage::SqliteImageRecords images(records_->connection());
    ImageRecord image;
    image.name = "docker.io/library/app:1";
    image.root = manifest;
    image.origin = "build 1";
    EXPECT_OK(images.PutImage(image));
    return {config, layer, manifest};
  }

  TemporaryFolder folder_ = *TemporaryFolder::Create();
  FakeClock clock_{absl::Now()};
  HeldBlobs held_;
  storage::LogStore logs_{folder_.Path("logs")};
  DiskRoom room_{{.folder = folder_.path(),
                  .least_space = 10 << 20,
                  .reserve_bytes = 1 << 20,
                  .interval = absl::Milliseconds(20),
                  .measure = [](const std::string&) -> absl::StatusOr<DiskSpace> {
                    return DiskSpace{.free = uint64_t{500} << 20, .total = uint64_t{1000} << 20};
                  }}};
  Policies policies_;
  bucket::MemoryBucket bucket_;
  std::unique_ptr<DiskBlobStore> blobs_ = *OpenDiskBlobStore(folder_.Path("content"));
  std::unique_ptr<storage::RecordStore> records_ = *storage::RecordStore::Open(folder_.Path("record.db"));
  std::unique_ptr<BucketBlobStore> store_;
  std::unique_ptr<Collector> collector_;
};

TEST_F(CollectorBucketTest, TheBudgetOfTheDiskIsMetByTheBucketAndNothingIsLost) {
  const std::vector<Digest> image = PutImage(1);
  const Digest cached = Put(10);
  Set(Policy::kBlobsBudget, kBlobBytes);
  EXPECT_TRUE(Eventually([&] { return blobs_->uses().disk_bytes() <= kBlobBytes; }));
  for (const Digest& digest : image) EXPECT_OK(store_->Get(digest));
  EXPECT_OK(store_->Get(cached));
  EXPECT_OK(room_.Check(RoomFor::kNew));
}

TEST_F(CollectorBucketTest, WhatNothingNeedsGoesFromDiskAndBucketWhenItWasNotUsedForLong) {
  const std::vector<Digest> image = PutImage(1);
  const Digest on_disk = Put(10), in_bucket = Put(11);
  LeaveDisk({image[1], in_bucket});
  ASSERT_OK(store_->Get(on_disk));
  ASSERT_TRUE(OnDisk(on_disk));
  EXPECT_EQ(Sweep().bucket.blobs, 0);
  clock_.Advance(absl::Hours(24 * 91));
  const SweepReport would = Sweep({.dry_run = true});
  EXPECT_EQ(would.bucket.blobs, 2);
  EXPECT_EQ(would.bucket.needed[static_cast<size_t>(storage::NeededBy::kImage)].blobs, 3);
  EXPECT_TRUE(InBucket(in_bucket));
  Sweep();
  EXPECT_FALSE(InBucket(on_disk) || OnDisk(on_disk) || InBucket(in_bucket));
  EXPECT_FALSE(bucket_.Has("blobs/" + in_bucket.hash.substr(0, 2) + "/" + in_bucket.hash));
  for (const Digest& digest : image) EXPECT_OK(store_->Get(digest));
}

TEST_F(CollectorBucketTest, TheBudgetOfTheBucketTakesTheLongestUnusedAndNothingThatIsNeeded) {
  const std::vector<Digest> image = PutImage(1);
  const Digest older = Put(10), newer = Put(11), held = Put(12);
  held_.Hold(7, held);
  LeaveDisk({older, newer, held});
  clock_.Advance(absl::Hours(2));
  // In the order of their use, whatever the order of the uploads was.
  Set(Policy::kBucketUnused, kNoLimit);
  Set(Policy::kBucketBudget, 3 * kBlobBytes + 10'000);
  EXPECT_TRUE(Eventually([&] { return !InBucket(older); }));
  EXPECT_TRUE(InBucket(newer) && InBucket(held));
  Set(Policy::kBucketBudget, kBlobBytes);
  EXPECT_TRUE(Eventually([&] { return !InBucket(newer); }));
  EXPECT_TRUE(InBucket(held));
  for (const Digest& digest : image) EXPECT_TRUE(InBucket(digest));
  // A bucket over its budget is no reason to refuse.
  EXPECT_OK(room_.Check(RoomFor::kNew));
}

TEST_F(CollectorBucketTest, WhatWasToldToBeThereStaysForTheGraceTimeAndAUrlAsLongAsItHolds) {
  const Digest told = Put(1), placed = Put(2), unused = Put(3);
  LeaveDisk({told, placed, unused});
  clock_.Set(absl::Now() + absl::Seconds(20));
  Set(Policy::kBlobsGrace, 10);
  ASSERT_OK(store_->UrlOf(placed, absl::Minutes(15)));
  clock_.Set(absl::Now() + absl::Seconds(5));
  EXPECT_EQ(Sweep({.all = true}).bucket.blobs, 0);
  clock_.Set(absl::Now() + absl::Minutes(14));
  ASSERT_TRUE(store_->FindMissing({told})->empty());
  EXPECT_EQ(Sweep({.all = true}).bucket.blobs, 2) << "the one that was told 14 minutes ago goes, too";
  EXPECT_TRUE(InBucket(placed));
  clock_.Set(absl::Now() + absl::Minutes(16));
  EXPECT_EQ(Sweep({.all = true}).bucket.blobs, 1);
  EXPECT_FALSE(InBucket(placed));
}

TEST_F(CollectorBucketTest, NothingIsRemovedWhileItCannotBeToldWhatIsNeeded) {
  const std::vector<Digest> image = PutImage(1);
  const Digest unused = Put(10);
  // The documents are small and leave last.
  LeaveDisk(image);
  LeaveDisk({unused});
  bucket_.TakeAway();
  clock_.Advance(absl::Hours(24 * 91));
  const auto refused = collector_->Sweep({.all = true}, {});
  EXPECT_TRUE(absl::IsUnavailable(refused.status())) << refused.status();
  bucket_.BringBack();
  EXPECT_TRUE(Eventually([&] { return collector_->Sweep({.all = true}, {}).ok(); }));
  for (const Digest& digest : image) EXPECT_TRUE(InBucket(digest));
  EXPECT_FALSE(InBucket(unused));
}

}  // namespace
}  // namespace crossmill::coordinator
