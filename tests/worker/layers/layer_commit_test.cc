// A layer's bytes, with and without knowing what its files hold.
#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/blobs/disk_blob_store.h"
#include "tests/support/restarting_store.h"
#include "tests/support/status_matchers.h"
#include "worker/layers/layer_diff.h"

namespace crossmill::worker {
namespace {

constexpr int64_t kLayerTime = 1'600'000'000;

class LayerCommitTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root: layers set owners";
    for (const char* path : {"upper/folder", "lower", "store"}) ASSERT_OK(MakeFolders(folder_.Path(path)));
  }
  void WriteFile(const std::string& path, std::string_view bytes) {
    ASSERT_OK(WriteFileAtomic(folder_.Path("upper/" + path), bytes));
  }
  absl::StatusOr<WrittenLayer> Write(BlobStore& blobs, const KnownContents& known) {
    ASSIGN_OR_RETURN(const UpperDiff diff,
                     DiffUpper(folder_.Path("upper"), {folder_.Path("lower")}, {.clamp_time = kLayerTime}));
    return WriteLayer(diff, folder_.Path("upper"), kLayerTime, known, blobs);
  }

  TemporaryFolder folder_ = *TemporaryFolder::Create();
};

TEST_F(LayerCommitTest, KnownContentsGiveTheSameBytes) {
  KnownContents known;
  const auto memory = MakeMemoryBlobStore();
  const auto disk = *OpenDiskBlobStore(folder_.Path("store"));
  for (const size_t size : {0, 1, (256 << 10) - 1, 256 << 10, (256 << 10) + 1, 3'000'017}) {
    const std::string content(size, static_cast<char>('a' + size % 7));
    for (const char* place : {"", "folder/"}) {
      const std::string path = fmt::format("{}file{}", place, size);
      WriteFile(path, content);
      known[path] = DigestOf(content);
    }
    ASSERT_OK(disk->PutBytes(content));
  }
  // Of the same inode as what is known, under a name that comes first; and one that is not there at all.
  ASSERT_EQ(link(folder_.Path("upper/file3000017").c_str(), folder_.Path("upper/a-link").c_str()), 0);
  known["nothing"] = DigestOf("nothing");
  const auto plain = Write(*memory, {});
  ASSERT_OK(plain);
  for (BlobStore* blobs : std::initializer_list<BlobStore*>{memory.get(), disk.get()}) {
    const auto layer = Write(*blobs, known);
    ASSERT_OK(layer);
    EXPECT_EQ(layer->tar, plain->tar);
    EXPECT_EQ(layer->manifest, plain->manifest);
    EXPECT_EQ(layer->files, plain->files);
    EXPECT_EQ(layer->content_bytes, plain->content_bytes);
    EXPECT_TRUE(blobs->Get(layer->tar).value_or("nothing") == *memory->Get(plain->tar));
  }
}

TEST_F(LayerCommitTest, WhatIsSaidOfCompiledPythonFilesIsNotBelieved) {
  // As they were copied, before their header was changed.
  const std::string before(300'000, 'b'), after(300'000, 'a');
  WriteFile("m.pyc", after);
  WriteFile("other", after);
  const auto disk = *OpenDiskBlobStore(folder_.Path("store"));
  ASSERT_OK(disk->PutBytes(before));
  const auto plain = Write(*disk, {});
  ASSERT_OK(plain);
  const auto layer = Write(*disk, {{"m.pyc", DigestOf(before)}});
  ASSERT_OK(layer);
  EXPECT_EQ(layer->tar, plain->tar);
  EXPECT_EQ(layer->manifest, plain->manifest);
  // Of others it is.
  const auto wrong = Write(*disk, {{"other", DigestOf(before)}});
  ASSERT_OK(wrong);
  EXPECT_NE(wrong->tar, plain->tar);
}

TEST_F(LayerCommitTest, AStoreThatWasStartedAgainGetsTheLayerAgain) {
  WriteFile("file", std::string(300'000, 'x'));
  RestartingStore blobs;
  const auto plain = Write(blobs, {});
  ASSERT_OK(plain);
  blobs.failures = 1;
  const auto layer = Write(blobs, {});
  ASSERT_OK(layer);
  EXPECT_EQ(layer->tar, plain->tar);
  EXPECT_EQ(layer->files, plain->files);
  blobs.failures = 2;
  EXPECT_TRUE(absl::IsUnavailable(Write(blobs, {}).status()));
}

}  // namespace
}  // namespace crossmill::worker
