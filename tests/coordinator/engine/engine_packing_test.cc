// A build is built before its image is packed, and whoever asks for the image waits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "common/base/status.h"
#include "common/words/words.h"
#include "coordinator/storage/image_records_sqlite.h"
#include "tests/coordinator/engine/engine_fixture.h"
#include "tests/support/forwarding_store.h"

namespace crossmill::coordinator {
namespace {

// Blobs that nobody can read, and so no layer can be packed, until it is told.
class HeldBlobs final : public ForwardingStore {
 public:
  HeldBlobs() : HeldBlobs(MakeMemoryBlobStore()) {}
  absl::StatusOr<std::unique_ptr<BlobReader>> Open(const Digest& digest, int64_t offset) override {
    released_.wait(false);
    return ForwardingStore::Open(digest, offset);
  }
  // Documents are read all the same.
  absl::StatusOr<std::string> Get(const Digest& digest) override {
    absl::StatusOr<std::string> document = memory_->Get(digest);
    if (loses_indexes && document.ok() && document->find("\"manifests\"") != std::string::npos)
      return absl::NotFoundError("it was there a moment ago");
    return document;
  }
  std::atomic<bool> loses_indexes = false;
  void Release() {
    released_ = true;
    released_.notify_all();
  }

 private:
  explicit HeldBlobs(std::unique_ptr<BlobStore> memory)
      : ForwardingStore(*memory), memory_(std::move(memory)) {}

  const std::unique_ptr<BlobStore> memory_;
  std::atomic<bool> released_ = false;
};

class EnginePackingTest : public EngineTest {
 protected:
  EnginePackingTest() {
    auto held = std::make_unique<HeldBlobs>();
    held_ = held.get();
    blobs_ = std::move(held);
  }
  void TearDown() override {
    held_->Release();
    EngineTest::TearDown();
  }

  v1::BuildSubmission Tagged(int verify = 0) {
    v1::BuildSubmission submission = Submission("FROM scratch\nRUN one\n", verify);
    submission.mutable_options()->add_tags("app:1");
    return submission;
  }
  bool Built(int64_t build) {
    // Packing that takes no time is not told.
    clock_.Advance(absl::Milliseconds(200));
    const auto view = engine_->reader().Get(build);
    return view.ok() && IsBuilt(*view);
  }

  HeldBlobs* held_;
};

TEST_F(EnginePackingTest, BuiltIsToldBeforeTheImageIsThere) {
  const int64_t build = Submit(Tagged());
  clock_.Advance(absl::Seconds(1));
  auto worker = NewWorker("w1");
  worker->PlayAll();
  ASSERT_TRUE(Eventually([&] { return Built(build); }));
  const v1::BuildView built = engine_->reader().Get(build).value();
  EXPECT_EQ(built.status(), v1::BUILD_STATUS_RUNNING);
  EXPECT_GT(built.cells(0).image_bytes(), 0);
  EXPECT_EQ(built.cells(0).image_digest(), "");
  EXPECT_EQ(built.index_digest(), "");

  std::atomic<bool> returned = false;
  absl::StatusOr<ImageRecord> image;
  std::jthread asks([&] {
    image = images_->store().Get("app:1");
    returned = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_FALSE(returned) << "the name is not set yet";
  held_->Release();
  const v1::BuildView ended = WaitForEnd(build);
  asks.join();
  ASSERT_EQ(ended.status(), v1::BUILD_STATUS_SUCCEEDED) << ended.message();
  ASSERT_OK(image);
  EXPECT_EQ(image->root.Oci(), ended.index_digest());
  EXPECT_EQ(ended.cells(0).seconds(), built.cells(0).seconds()) << "packing is not building";
}

TEST_F(EnginePackingTest, VerdictIsNotToldBeforeItIsKnown) {
  auto first = NewWorker("w1", "host-a");
  auto second = NewWorker("w2", "host-b");
  first->PlayAll();
  second->PlayAll();
  const int64_t build = Submit(Tagged(2));
  ASSERT_TRUE(Eventually([&] { return first->steps_run() + second->steps_run() == 2; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_FALSE(Built(build));
  held_->Release();
  EXPECT_EQ(WaitForEnd(build).cells(0).comparison().verdict(), v1::VERDICT_REPRODUCIBLE);
}

// What was told as built stays so: the limit is for the build that somebody waits for.
// Whose fault it is: a name is what the build asked for, a document that is gone is the farm's.
TEST_F(EnginePackingTest, ANameThatAnotherTookMeanwhileIsTheBuildsFailure) {
  auto worker = NewWorker("w1");
  worker->PlayAll();
  v1::BuildSubmission submission = Tagged();
  submission.set_owner("ann");
  const int64_t build = Submit(submission);
  ASSERT_TRUE(Eventually([&] { return Built(build); }));
  ImageRecord taken;
  taken.name = "docker.io/library/app:1";
  taken.root = DigestOf("another image");
  taken.owner = "bob";
  ASSERT_OK(storage::SqliteImageRecords(records_->connection()).PutImage(taken));
  held_->Release();
  const v1::BuildView view = WaitForEnd(build);
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_FAILED);
  EXPECT_THAT(view.message(), ::testing::HasSubstr("app:1 is that of 'bob'"));
}

TEST_F(EnginePackingTest, AnIndexThatIsGoneIsTheFarmsFailure) {
  auto worker = NewWorker("w1");
  worker->PlayAll();
  held_->loses_indexes = true;
  held_->Release();
  const v1::BuildView view = WaitForEnd(Submit(Tagged()));
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_INFRASTRUCTURE_FAILED);
  EXPECT_THAT(view.message(), ::testing::HasSubstr("it was there a moment ago"));
}

TEST_F(EnginePackingTest, TimeoutThatEndsWhileTheImageIsPackedCancelsNothing) {
  v1::BuildSubmission submission = Tagged();
  submission.mutable_options()->set_timeout(60);
  const int64_t build = Submit(submission);
  clock_.Advance(absl::Seconds(1));
  auto worker = NewWorker("w1");
  worker->PlayAll();
  ASSERT_TRUE(Eventually([&] { return Built(build); }));
  clock_.Advance(absl::Seconds(100));
  // A tick sees the time.
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  held_->Release();
  const v1::BuildView ended = WaitForEnd(build);
  EXPECT_EQ(ended.status(), v1::BUILD_STATUS_SUCCEEDED) << ended.message();
}

TEST_F(EnginePackingTest, PackingStopsWithTheCoordinatorAndGoesOnAfterIt) {
  const int64_t build = Submit(Tagged());
  clock_.Advance(absl::Seconds(1));
  auto worker = NewWorker("w1");
  worker->PlayAll();
  ASSERT_TRUE(Eventually([&] { return Built(build); }));
  worker.reset();
  {
    std::jthread stops([&] { StopCoordinator(); });
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    held_->Release();
  }
  StartCoordinator();
  const v1::BuildView ended = WaitForEnd(build);
  EXPECT_EQ(ended.status(), v1::BUILD_STATUS_SUCCEEDED) << ended.message();
  const auto image = images_->store().Get("app:1");
  ASSERT_OK(image);
  EXPECT_EQ(image->root.Oci(), ended.index_digest());
}

}  // namespace
}  // namespace crossmill::coordinator
