// A layer that is written to a blob has the bytes of one that is written piece by piece, however its files
// came.
#include "common/layer/layer_writer.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <random>

#include "common/base/blob_store.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/blobs/disk_blob_store.h"
#include "tests/common/layer/sample_tree.h"
#include "tests/support/random_bytes.h"

namespace crossmill::layer {
namespace {

// What a store says to WriteBlob.
enum class Shares { kAll, kUnimplemented, kNotFound, kDataLoss };

// A blob in memory that notes how it got its bytes.
class NotingWriter final : public BlobWriter {
 public:
  explicit NotingWriter(Shares shares) : shares_(shares) {}
  void Keep(std::string bytes) { kept_[DigestOf(bytes)] = std::move(bytes); }

  absl::Status Write(std::string_view piece) override {
    bytes.append(piece);
    return absl::OkStatus();
  }
  absl::Status WriteFile(int fd, int64_t offset, int64_t size) override {
    ++files;
    return BlobWriter::WriteFile(fd, offset, size);
  }
  absl::Status WriteBlob(const Digest& blob) override {
    if (shares_ == Shares::kUnimplemented) return absl::UnimplementedError("bytes only");
    if (shares_ == Shares::kNotFound) return absl::NotFoundError("not here");
    if (shares_ == Shares::kDataLoss) return absl::DataLossError("damaged");
    ++blobs;
    return Write(kept_.at(blob));
  }
  absl::StatusOr<Digest> Commit() override { return DigestOf(bytes); }

  std::string bytes;
  int files = 0;
  int blobs = 0;

 private:
  const Shares shares_;
  std::map<Digest, std::string> kept_;
};

class LayerWriterTest : public testing::Test {
 protected:
  UniqueFd FileOf(std::string_view bytes) {
    const std::string path = folder_.Path("file");
    EXPECT_OK(WriteFileAtomic(path, bytes));
    return *OpenFile(path, O_RDWR);
  }
  TemporaryFolder folder_ = *TemporaryFolder::Create();
};

// Sizes around the one from which a store reads files for itself.
const std::vector<size_t> kSizes = {0, 1, 511, 512, (256 << 10) - 1, 256 << 10, (256 << 10) + 1, 3'000'017};

std::vector<SampleEntry> FilesOfAllSizes() {
  std::vector<SampleEntry> tree;
  for (size_t i = 0; i < kSizes.size(); ++i)
    tree.push_back(File(fmt::format("file{}", i), RandomBytes(kSizes[i])));
  return tree;
}

TEST_F(LayerWriterTest, FilesGiveTheSameLayerAsTheirBytes) {
  const std::vector<SampleEntry> tree = FilesOfAllSizes();
  const auto [tar, manifest] = WriteLayer(tree);
  for (const bool known : {false, true}) {
    for (const Shares shares : {Shares::kAll, Shares::kUnimplemented, Shares::kNotFound}) {
      NotingWriter blob(shares);
      LayerWriter writer(blob, 1'000'000'001);
      for (const SampleEntry& sample : tree) {
        blob.Keep(sample.content);
        ASSERT_OK(writer.AddFile(sample.entry, FileOf(sample.content).get(),
                                 known ? DigestOf(sample.content) : Digest()));
      }
      const auto written = writer.Finish();
      ASSERT_OK(written);
      EXPECT_TRUE(blob.bytes == tar) << known << " " << static_cast<int>(shares);
      EXPECT_EQ(written->Serialize(), manifest.Serialize());
      const bool shared = known && shares == Shares::kAll;
      EXPECT_EQ(blob.blobs, shared ? 3 : 0);
      EXPECT_EQ(blob.files, shared ? 0 : 3);
    }
  }
}

TEST_F(LayerWriterTest, AllOtherEntriesGoToABlobTheSameWay) {
  const std::vector<SampleEntry> tree = SampleTree();
  const auto [tar, manifest] = WriteLayer(tree);
  NotingWriter blob(Shares::kAll);
  LayerWriter writer(blob, 1'000'000'001);
  for (const SampleEntry& sample : tree) {
    if (sample.whiteout) {
      ASSERT_OK(writer.AddWhiteout(sample.entry.path));
    } else if (sample.entry.type == EntryType::kFile) {
      ASSERT_OK(writer.AddFile(sample.entry, FileOf(sample.content).get()));
    } else {
      ASSERT_OK(writer.Add(sample.entry, nullptr));
    }
  }
  const auto written = writer.Finish();
  ASSERT_OK(written);
  EXPECT_TRUE(blob.bytes == tar);
  EXPECT_EQ(written->Serialize(), manifest.Serialize());
}

TEST_F(LayerWriterTest, AStoreOnDiskSharesWhatItHas) {
  auto folder = *TemporaryFolder::Create();
  const auto store = *OpenDiskBlobStore(folder.path());
  const std::vector<SampleEntry> tree = FilesOfAllSizes();
  const auto [tar, manifest] = WriteLayer(tree);
  // Only some are there.
  ASSERT_OK(store->PutBytes(tree.back().content));
  ASSERT_OK(store->PutBytes(tree[5].content));
  auto blob = *store->Create(DigestOf(tar));
  LayerWriter writer(*blob, 1'000'000'001);
  for (const SampleEntry& sample : tree) {
    ASSERT_OK(writer.AddFile(sample.entry, FileOf(sample.content).get(), DigestOf(sample.content)));
  }
  const auto written = writer.Finish();
  ASSERT_OK(written);
  EXPECT_EQ(written->Serialize(), manifest.Serialize());
  ASSERT_EQ(blob->Commit().value_or(Digest()), DigestOf(tar));
  EXPECT_TRUE(store->Get(DigestOf(tar)).value_or("nothing") == tar);
}

TEST_F(LayerWriterTest, ADigestOfAnotherSizeIsNotBelieved) {
  const SampleEntry sample = File("file", RandomBytes(300'000));
  NotingWriter blob(Shares::kAll);
  LayerWriter writer(blob, 0);
  ASSERT_OK(writer.AddFile(sample.entry, FileOf(sample.content).get(), DigestOf("other")));
  const auto written = writer.Finish();
  ASSERT_OK(written);
  EXPECT_EQ(written->entries[0].sha256, DigestOf(sample.content).hash);
  EXPECT_EQ(blob.blobs, 0);
}

TEST_F(LayerWriterTest, AFileThatGrewOrShrankIsNoticed) {
  for (const size_t size : kSizes) {
    const std::string content = RandomBytes(size);
    for (const int change : {-1, 1}) {
      if (size == 0) continue;
      SampleEntry sample = File("file", content);
      sample.entry.size -= change;
      NotingWriter blob(Shares::kUnimplemented);
      LayerWriter writer(blob, 0);
      const absl::Status status = writer.AddFile(sample.entry, FileOf(content).get());
      // Of a file that is empty by now nothing is read, so nothing is noticed.
      if (sample.entry.size == 0) {
        EXPECT_OK(status);
      } else {
        EXPECT_TRUE(absl::IsFailedPrecondition(status)) << size << " " << change << " " << status;
      }
    }
  }
}

TEST_F(LayerWriterTest, AStoreThatLostABlobEndsTheLayer) {
  const SampleEntry sample = File("file", RandomBytes(300'000));
  NotingWriter blob(Shares::kDataLoss);
  LayerWriter writer(blob, 0);
  EXPECT_TRUE(
      absl::IsDataLoss(writer.AddFile(sample.entry, FileOf(sample.content).get(), DigestOf(sample.content))));
}

TEST_F(LayerWriterTest, WhatIsNotWrittenToABlobTakesNoLargeFiles) {
  const SampleEntry sample = File("file", RandomBytes(300'000));
  std::string tar;
  LayerWriter writer(AppendTo(&tar), 0);
  EXPECT_TRUE(absl::IsFailedPrecondition(writer.AddFile(sample.entry, FileOf(sample.content).get())));
}

TEST_F(LayerWriterTest, ContentOfAnotherSizeThanTheEntryIsRefused) {
  NotingWriter blob(Shares::kAll);
  CanonicalTarWriter tar(blob);
  ASSERT_OK(tar.Add(File("file", "12345").entry));
  EXPECT_TRUE(absl::IsInvalidArgument(tar.BlobData({std::string(64, 'a'), 4})));
  EXPECT_TRUE(absl::IsInvalidArgument(tar.Finish()));
}

}  // namespace
}  // namespace crossmill::layer
