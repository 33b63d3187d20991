// A blob store in memory that loses what the test wants, and an engine over one.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/base/blob_store.h"
#include "common/base/mutex.h"
#include "common/base/status.h"
#include "tests/coordinator/engine/engine_fixture.h"

namespace crossmill::coordinator {

// Loses what it is told to, until that is written again.
class LossyBlobStore final : public BlobStore {
 public:
  absl::StatusOr<std::vector<Digest>> FindMissing(absl::Span<const Digest> digests) override {
    ASSIGN_OR_RETURN(std::vector<Digest> missing, blobs_->FindMissing(digests));
    for (const Digest& digest : digests) {
      if (IsLost(digest)) missing.push_back(digest);
    }
    return missing;
  }
  absl::StatusOr<std::unique_ptr<BlobReader>> Open(const Digest& digest, int64_t offset) override {
    if (IsLost(digest)) return absl::NotFoundError("blob " + digest.hash);
    return blobs_->Open(digest, offset);
  }
  absl::StatusOr<std::unique_ptr<BlobWriter>> Create(const Digest& expected) override {
    MutexLock lock(mutex_);
    lost_.erase(expected.hash);
    return blobs_->Create(expected);
  }
  void Lose(const Digest& digest) {
    MutexLock lock(mutex_);
    lost_.insert(digest.hash);
  }

 private:
  bool IsLost(const Digest& digest) {
    MutexLock lock(mutex_);
    return lost_.contains(digest.hash);
  }

  std::unique_ptr<BlobStore> blobs_ = MakeMemoryBlobStore();
  Mutex mutex_;
  std::set<std::string> lost_ ABSL_GUARDED_BY(mutex_);
};

// An engine over such a store.
class LossyEngineTest : public EngineTest {
 protected:
  void SetUp() override {
    auto blobs = std::make_unique<LossyBlobStore>();
    lossy_ = blobs.get();
    blobs_ = std::move(blobs);
    EngineTest::SetUp();
  }

  void HasStatus(int64_t build, int step, v1::StepStatus status, int stage = 0) {
    EXPECT_TRUE(Eventually(
        [&] { return engine_->reader().Get(build)->stages(stage).steps(step).status() == status; }));
  }

  LossyBlobStore* lossy_ = nullptr;
};

}  // namespace crossmill::coordinator
