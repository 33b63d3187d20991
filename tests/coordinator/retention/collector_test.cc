#include "coordinator/retention/collector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "absl/time/clock.h"
#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/blobs/blob_files.h"
#include "coordinator/images/image_records.h"
#include "coordinator/storage/image_records_sqlite.h"
#include "tests/support/fake_clock.h"
#include "tests/support/random_bytes.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

using testing::HasSubstr;

constexpr int64_t kMega = 1 << 20;

// A farm's store and record, with a clock that a test turns: what was used is old when it says so.
class CollectorTest : public testing::Test {
 protected:
  CollectorTest() { Open(); }
  ~CollectorTest() override { collector_.reset(); }

  void Open() {
    collector_.reset();
    blobs_.reset();
    blobs_ = *OpenDiskBlobStore(folder_.Path("content"));
    if (!records_) records_ = *storage::RecordStore::Open(folder_.Path("record.db"));
    Collect(nullptr);
    while (!blobs_->uses().complete()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  void Collect(BucketBlobStore* bucket) {
    collector_.reset();
    collector_ = std::make_unique<Collector>(
        *blobs_, *records_->OpenAnother(), logs_, held_, room_, clock_,
        CollectorOptions{
            .interval = absl::Milliseconds(20), .patience = absl::Milliseconds(20), .bucket = bucket});
    collector_->SetPolicies(policies_);
    collector_->Start();
  }
  void SetBudget(int64_t bytes) {
    policies_.Set(Policy::kBlobsBudget, bytes);
    collector_->SetPolicies(policies_);
  }
  Digest Put(int seed, int64_t bytes = kMega) {
    return *blobs_->PutBytes(RandomBytes(static_cast<size_t>(bytes), seed));
  }
  // All that was used is older than the grace time then.
  void Age() { clock_.Advance(absl::Hours(2)); }
  SweepReport Sweep(const SweepRequest& request = {}) {
    const auto report = collector_->Sweep(request, {});
    EXPECT_OK(report);
    return report.value_or(SweepReport());
  }
  // Without that being a use.
  bool There(const Digest& digest) {
    return std::filesystem::exists(BlobPath(folder_.Path("content"), digest.hash)) ||
           std::filesystem::exists(BlobPartsPath(folder_.Path("content"), digest.hash));
  }
  int64_t Submit(const v1::BuildSubmission& submission, bool planned = true) {
    const int64_t build = *records_->InsertBuild(submission, "", "", absl::ToUnixNanos(clock_.Now()));
    if (planned) EXPECT_OK(records_->SavePlan(build, v1::BuildPlan()));
    return build;
  }
  void End(int64_t build) {
    v1::BuildView view = *records_->LoadView(build);
    view.set_status(v1::BUILD_STATUS_SUCCEEDED);
    EXPECT_OK(records_->SaveView(build, view));
  }
  // A folder with one file.
  Digest PutTree(const Digest& file) {
    build::bazel::remote::execution::v2::Directory below;
    ToProto(file, below.add_files()->mutable_digest());
    const Digest below_digest = *blobs_->PutBytes(below.SerializeAsString());
    build::bazel::remote::execution::v2::Directory root;
    ToProto(below_digest, root.add_directories()->mutable_digest());
    return *blobs_->PutBytes(root.SerializeAsString());
  }

  TemporaryFolder folder_ = *TemporaryFolder::Create();
  FakeClock clock_{absl::Now()};
  HeldBlobs held_;
  storage::LogStore logs_{folder_.Path("logs")};
  std::atomic<uint64_t> free_ = uint64_t{500} << 20;
  DiskRoom room_{{.folder = folder_.path(),
                  .least_space = 10 << 20,
                  .reserve_bytes = 1 << 20,
                  .interval = absl::Milliseconds(20),
                  .measure = [this](const std::string&) -> absl::StatusOr<DiskSpace> {
                    return DiskSpace{.free = free_, .total = uint64_t{1000} << 20};
                  }}};
  Policies policies_;
  std::unique_ptr<DiskBlobStore> blobs_;
  std::unique_ptr<storage::RecordStore> records_;
  std::unique_ptr<Collector> collector_;
};

TEST_F(CollectorTest, TheLeastRecentlyUsedGoUntilTheBudgetIsMet) {
  const Digest first = Put(1), second = Put(2), third = Put(3);
  EXPECT_TRUE(blobs_->Has(first)) << "used again: the second is the oldest now";
  EXPECT_EQ(Sweep().blobs, 0) << "within the budget nothing goes";
  SetBudget(2 * kMega + 100'000);
  EXPECT_EQ(Sweep().blobs, 0) << "all of it was used just now";
  EXPECT_THAT(Sweep().over_budget, HasSubstr("used less than 1h ago"));
  Age();
  Sweep();
  EXPECT_TRUE(There(first));
  EXPECT_FALSE(There(second));
  EXPECT_TRUE(There(third));
  EXPECT_LE(blobs_->uses().disk_bytes(), 2 * kMega + 100'000);
}

TEST_F(CollectorTest, ADryRunTellsWhatWouldGoAndRemovesNothing) {
  const Digest first = Put(1), second = Put(2);
  Age();
  const SweepReport report = Sweep({.dry_run = true, .all = true});
  EXPECT_EQ(report.blobs, 2);
  EXPECT_EQ(report.bytes, blobs_->uses().disk_bytes());
  EXPECT_TRUE(There(first));
  EXPECT_TRUE(There(second));
  const SweepReport real = Sweep({.all = true});
  EXPECT_EQ(real.blobs, 2);
  EXPECT_EQ(real.bytes, report.bytes);
  EXPECT_FALSE(There(first));
  EXPECT_EQ(blobs_->uses().disk_bytes(), 0);
}

TEST_F(CollectorTest, OnlyWhatWasNotUsedForLongGoesWhereThatIsAskedFor) {
  const Digest old = Put(1);
  Age();
  EXPECT_EQ(Sweep({.all = true, .unused_seconds = 3 * 3600}).blobs, 0);
  EXPECT_EQ(Sweep({.all = true, .unused_seconds = 3600}).blobs, 1);
  EXPECT_FALSE(There(old));
}

TEST_F(CollectorTest, SoMuchStaysAsIsAskedForAndTheOldestGoFirst) {
  const Digest first = Put(1), second = Put(2), third = Put(3);
  Age();
  EXPECT_EQ(Sweep({.all = true, .keep_bytes = 10 * kMega}).blobs, 0);
  EXPECT_EQ(Sweep({.dry_run = true, .all = true, .keep_bytes = 2 * kMega + 100'000}).blobs, 1);
  EXPECT_EQ(Sweep({.all = true, .keep_bytes = 2 * kMega + 100'000}).blobs, 1);
  EXPECT_FALSE(There(first));
  EXPECT_TRUE(There(second));
  EXPECT_TRUE(There(third));
  EXPECT_EQ(Sweep({.all = true, .keep_bytes = 1}).blobs, 2);
}

TEST_F(CollectorTest, WhatARunningBuildNeedsStaysUntilItEnds) {
  const Digest file = Put(1), layer = Put(2), unneeded = Put(3);
  v1::BuildSubmission submission;
  ToProto(PutTree(file), submission.mutable_recipe()->mutable_context_root());
  const int64_t build = Submit(submission);
  held_.Hold(build, layer);
  Age();
  const SweepReport report = Sweep({.all = true});
  EXPECT_EQ(report.blobs, 1);
  EXPECT_FALSE(There(unneeded));
  EXPECT_TRUE(There(file));
  EXPECT_TRUE(There(layer));
  EXPECT_EQ(report.needed[static_cast<size_t>(storage::NeededBy::kRunningBuild)].blobs, 4)
      << "with its two folders";
  End(build);
  held_.Release(build);
  EXPECT_EQ(Sweep({.all = true}).blobs, 4);
}

TEST_F(CollectorTest, WhileABuildIsPlannedNothingGoesThatWasUsedSince) {
  const int64_t build = Submit({}, false);
  // As a base that it pulls, of which no record says so yet.
  const Digest pulled = Put(1);
  Age();
  EXPECT_EQ(Sweep({.all = true}).blobs, 0);
  EXPECT_OK(records_->SavePlan(build, v1::BuildPlan()));
  EXPECT_EQ(Sweep({.all = true}).blobs, 1);
  EXPECT_FALSE(There(pulled));
}

TEST_F(CollectorTest, APinnedBuildKeepsItsLayersUntilItIsUnpinned) {
  storage::PolicyRecords pins(records_->connection());
  const int64_t build = Submit({});
  const Digest tar = Put(1), manifest = Put(2), compressed = Put(3), other = Put(4);
  storage::Execution execution;
  execution.key = "key";
  execution.build = build;
  const int64_t id = *records_->BeginExecution(execution);
  v1::StepResult result;
  ToProto(tar, result.mutable_layer()->mutable_tar());
  ToProto(manifest, result.mutable_layer()->mutable_manifest());
  ASSERT_OK(records_->FinishExecution(id, result, 5));
  storage::SqliteImageRecords images(records_->connection());
  ASSERT_OK(images.PutCompressedLayer({tar, "gzip", compressed}));
  End(build);
  ASSERT_OK(pins.Pin({build, 1, ""}));
  ASSERT_OK(pins.Pin({build, 2, "again"}));
  EXPECT_TRUE(absl::IsNotFound(pins.Pin({999, 1, ""})));
  Age();
  EXPECT_EQ(Sweep({.all = true}).blobs, 1);
  EXPECT_FALSE(There(other));
  EXPECT_TRUE(There(compressed));
  EXPECT_TRUE(*pins.Unpin(build));
  EXPECT_FALSE(*pins.Unpin(build));
  EXPECT_EQ(Sweep({.all = true}).blobs, 3);
}

TEST_F(CollectorTest, AnImageKeepsEverythingItRefersTo) {
  const Digest config = *blobs_->PutBytes("{}"), layer = Put(1), tar = Put(2);
  const auto descriptor = [](const Digest& digest, std::string_view type) {
    return fmt::format(R"({{"mediaType":"{}","digest":"{}","size":{}}})", type, digest.Oci(), digest.size);
  };
  const std::string manifest_type = "application/vnd.oci.image.manifest.v1+json";
  const Digest manifest = *blobs_->PutBytes(
      fmt::format(R"({{"schemaVersion":2,"mediaType":"{}","config":{},"layers":[{}]}})", manifest_type,
                  descriptor(config, "application/vnd.oci.image.config.v1+json"),
                  descriptor(layer, "application/vnd.oci.image.layer.v1.tar+gzip")));
  const Digest index = *blobs_->PutBytes(fmt::format(
      R"({{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{}]}})",
      descriptor(manifest, manifest_type)));
  storage::SqliteImageRecords images(records_->connection());
  ImageRecord image;
  image.name = "docker.io/library/app:1";
  image.root = index;
  image.origin = "build 1";
  ASSERT_OK(images.PutImage(image));
  v1::PinnedImage pinned;
  ToProto(tar, pinned.add_layers()->mutable_tar());
  ASSERT_OK(images.PutManifest({manifest, pinned}));
  Age();
  const SweepReport report = Sweep({.all = true});
  EXPECT_EQ(report.blobs, 0);
  EXPECT_EQ(report.needed[static_cast<size_t>(storage::NeededBy::kImage)].blobs, 5);
  // Another project's is needed as well; what has no name but its digest is not.
  image.project = "shop";
  ASSERT_OK(images.PutImage(image));
  ASSERT_OK(images.RemoveImages({{{"docker.io/library/app:1"}}}));
  EXPECT_EQ(Sweep({.all = true}).blobs, 0);
  ASSERT_OK(images.RemoveImages({ImageName{"docker.io/library/app:1", "shop"}}));
  image.name = index.Oci();
  ASSERT_OK(images.PutImage(image));
  EXPECT_EQ(Sweep({.all = true}).blobs, 5);
}

TEST_F(CollectorTest, ABudgetThatCannotBeMetStopsWhatIsNewAndSaysWhy) {
  const Digest held = Put(1, 3 * kMega);
  held_.Hold(7, held);
  Age();
  SetBudget(kMega);
  EXPECT_THAT(Sweep().over_budget, HasSubstr("for running builds"));
  const absl::Status refused = room_.Check(RoomFor::kNew);
  EXPECT_TRUE(absl::IsResourceExhausted(refused));
  EXPECT_THAT(std::string(refused.message()),
              testing::AllOf(HasSubstr("blobs.budget"), HasSubstr("3.1 MB"), HasSubstr("running builds")));
  EXPECT_OK(room_.Check(RoomFor::kResults));
  EXPECT_TRUE(There(held));
  held_.Release(7);
  Sweep();
  EXPECT_OK(room_.Check(RoomFor::kNew));
  EXPECT_FALSE(There(held));
}

TEST_F(CollectorTest, WhatComesWhileItRemovesIsNoReasonToRefuse) {
  Age();
  SetBudget(100'000);
  std::atomic<bool> done = false;
  // How many each may have written: on a busy machine four that wrote without end would leave a sweep none.
  std::atomic<int> allowed = 0;
  std::vector<std::thread> writers;
  for (int writer = 1; writer <= 4; ++writer) {
    writers.emplace_back([&, writer] {
      for (int number = 0; !done;) {
        if (number < allowed) {
          Put(writer * 100'000 + number++, 4096);
        } else {
          std::this_thread::sleep_for(std::chrono::microseconds(200));
        }
      }
    });
  }
  // All of it can go at any time.
  for (int i = 0; i < 100; ++i) {
    allowed += 200;
    const std::string why = Sweep().over_budget;
    EXPECT_EQ(why, "");
    if (!why.empty()) break;
  }
  done = true;
  for (std::thread& writer : writers) writer.join();
}

TEST_F(CollectorTest, WhatComesBeyondTheBudgetIsNoticedBeforeTheNextLook) {
  Age();
  policies_.Set(Policy::kBlobsBudget, 2 * kMega);
  collector_.reset();
  collector_ = std::make_unique<Collector>(*blobs_, *records_->OpenAnother(), logs_, held_, room_, clock_,
                                           CollectorOptions{.interval = absl::Hours(1)});
  collector_->SetPolicies(policies_);
  collector_->Start();
  for (int seed = 1; seed <= 6; ++seed) {
    Put(seed);
    for (int i = 0; i < 3000 && blobs_->uses().disk_bytes() > 2 * kMega + kMega / 10; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    EXPECT_LE(blobs_->uses().disk_bytes(), 2 * kMega + kMega / 10);
  }
  collector_.reset();
  // Nobody is left to be told.
  Put(7, 5 * kMega);
}

TEST_F(CollectorTest, WhatTheDiskDoesNotLetGoIsNotCalledNeeded) {
  const Digest blob = Put(1);
  Age();
  // A folder in its place cannot be removed as a file.
  const std::string path = BlobPath(folder_.Path("content"), blob.hash);
  ASSERT_TRUE(std::filesystem::remove(path));
  ASSERT_TRUE(std::filesystem::create_directory(path));
  SetBudget(1000);
  const std::string why = Sweep().over_budget;
  EXPECT_THAT(why, HasSubstr("1.0 MB that cannot be removed"));
  EXPECT_THAT(why, testing::Not(HasSubstr("used less than")));
}

TEST_F(CollectorTest, RoomIsMadeOnADiskThatIsNearItsFloor) {
  room_.OnShort([this] { collector_->MakeRoom(); });
  const Digest old = Put(1);
  Age();
  free_ = 9 << 20;
  room_.Look();
  EXPECT_EQ(room_.level(), RoomLevel::kNothingNew);
  room_.MakeRoom();
  EXPECT_FALSE(There(old));
}

TEST_F(CollectorTest, AStoreThatIsOpenedAgainKnowsWhatItHas) {
  const Digest first = Put(1), second = Put(2);
  const int64_t bytes = blobs_->uses().disk_bytes();
  Open();
  EXPECT_EQ(blobs_->uses().count(), 2);
  EXPECT_EQ(blobs_->uses().disk_bytes(), bytes);
  Age();
  EXPECT_EQ(Sweep({.all = true}).blobs, 2);
  EXPECT_FALSE(There(first));
  EXPECT_FALSE(There(second));
}

// Sweeps without end beside somebody who asks, writes and reads: what was said to be there is there.
TEST_F(CollectorTest, UsersNeverMissWhatTheyWereToldOf) {
  std::atomic<bool> done = false;
  std::atomic<int64_t> removed = 0;
  clock_.Set(absl::Now() + absl::Hours(1));
  std::thread sweeps([&] {
    while (!done) removed += Sweep({.all = true}).blobs;
  });
  for (int round = 0; round < 150; ++round) {
    // What was not used since now is older than the grace time.
    clock_.Set(absl::Now() + absl::Hours(1));
    const std::string bytes = RandomBytes(5000, static_cast<uint64_t>(round % 10));
    const Digest digest = DigestOf(bytes);
    if (!blobs_->Has(digest)) ASSERT_OK(blobs_->PutBytes(bytes));
    ASSERT_EQ(*blobs_->Get(digest), bytes);
  }
  done = true;
  sweeps.join();
  EXPECT_GT(removed, 0);
}

}  // namespace
}  // namespace crossmill::coordinator
