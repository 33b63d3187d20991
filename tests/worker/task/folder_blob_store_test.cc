#include "worker/task/folder_blob_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <optional>

#include "common/base/files.h"
#include "tests/support/status_matchers.h"

namespace crossmill::worker {
namespace {

using ::testing::ElementsAre;

class FolderBlobStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    auto folder = TemporaryFolder::Create();
    ASSERT_OK(folder);
    folder_.emplace(std::move(*folder));
    auto store = OpenFolderBlobStore(folder_->path());
    ASSERT_OK(store);
    store_ = std::move(*store);
  }
  std::optional<TemporaryFolder> folder_;
  std::unique_ptr<BlobStore> store_;
};

TEST_F(FolderBlobStoreTest, BlobIsAFileNamedByItsDigest) {
  const auto digest = store_->PutBytes("content");
  ASSERT_OK(digest);
  EXPECT_EQ(*digest, DigestOf("content"));
  EXPECT_EQ(*ReadFile(folder_->Path("sha256-" + digest->hash)), "content");
  EXPECT_EQ(*store_->Get(*digest), "content");
}

TEST_F(FolderBlobStoreTest, MissingAreNamedOnceAndTheEmptyBlobIsThere) {
  const Digest here = *store_->PutBytes("here");
  const Digest gone = DigestOf("gone");
  EXPECT_THAT(*store_->FindMissing({gone, here, gone, DigestOf("")}), ElementsAre(gone));
  EXPECT_TRUE(absl::IsNotFound(store_->Open(gone, 0).status()));
  EXPECT_EQ(*store_->Get(DigestOf("")), "");
}

TEST_F(FolderBlobStoreTest, LyingFileIsDataLoss) {
  const Digest digest = *store_->PutBytes("truth");
  ASSERT_OK(WriteFileAtomic(folder_->Path("sha256-" + digest.hash), "trurh"));
  EXPECT_TRUE(absl::IsDataLoss(store_->Get(digest).status()));
}

TEST_F(FolderBlobStoreTest, BrokenPromiseAndAbandonedWriteLeaveNothing) {
  {
    auto writer = store_->Create(DigestOf("promised"));
    ASSERT_OK(writer);
    ASSERT_OK((*writer)->Write("other"));
    EXPECT_TRUE(absl::IsInvalidArgument((*writer)->Commit().status()));
    auto abandoned = store_->Create({});
    ASSERT_OK(abandoned);
    ASSERT_OK((*abandoned)->Write("half"));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_->path()));
}

}  // namespace
}  // namespace crossmill::worker
