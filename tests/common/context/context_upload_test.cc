#include "common/context/context_upload.h"

#include <gtest/gtest.h>

#include <atomic>

#include "absl/time/clock.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "tests/support/fake_clock.h"
#include "tests/support/forwarding_store.h"
#include "tests/support/status_matchers.h"

namespace crossmill::context {
namespace {

// What an upload asks of a store.
class CountingStore final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  absl::StatusOr<std::vector<Digest>> FindMissing(absl::Span<const Digest> digests) override {
    ++questions;
    return ForwardingStore::FindMissing(digests);
  }
  absl::Status Put(absl::Span<const std::pair<Digest, std::string>> blobs) override {
    ++batches;
    return blobs_.Put(blobs);
  }
  absl::StatusOr<std::unique_ptr<BlobWriter>> Create(const Digest& expected) override {
    ++writers;
    return ForwardingStore::Create(expected);
  }

  std::atomic<int> questions = 0, batches = 0, writers = 0;
};

struct Cost {
  int questions = 0, batches = 0, writers = 0;
  int64_t blobs = 0;
};

// Of a context with so many small files, ten to a folder, which a new store does not have.
absl::StatusOr<Cost> CostOf(int files) {
  ASSIGN_OR_RETURN(const TemporaryFolder folder, TemporaryFolder::Create());
  for (int i = 0; i < files; ++i) {
    const std::string below = folder.Path(fmt::format("folder{}", i / 10));
    RETURN_IF_ERROR(MakeFolders(below));
    RETURN_IF_ERROR(WriteFileAtomic(fmt::format("{}/{}", below, i), fmt::format("file {}", i)));
  }
  ScanOptions options;
  options.folder = folder.path();
  FakeClock clock(absl::Now());
  ASSIGN_OR_RETURN(const ScannedContext scanned, ScanContext(options, clock));
  const std::unique_ptr<BlobStore> memory = MakeMemoryBlobStore();
  CountingStore store(*memory);
  ASSIGN_OR_RETURN(const UploadResult sent, UploadContext(scanned, folder.path(), store, {}));
  return Cost{store.questions, store.batches, store.writers, sent.blobs};
}

// Calls, and not time: half a million files are some 550 calls.
TEST(ContextUploadTest, ManySmallFilesAreFewCalls) {
  const auto few = CostOf(1500), many = CostOf(6000);
  ASSERT_OK(few);
  ASSERT_OK(many);
  // With a message for each folder.
  EXPECT_EQ(few->blobs, 1651);
  EXPECT_EQ(many->blobs, 6601);
  EXPECT_EQ(few->questions, 1);
  EXPECT_EQ(many->questions, 1);
  EXPECT_EQ(few->batches, 2);
  EXPECT_EQ(many->batches, 7);
  EXPECT_EQ(many->writers, 0);
}

}  // namespace
}  // namespace crossmill::context
