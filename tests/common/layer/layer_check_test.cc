// What somebody says is a layer is believed only if it is one, and its manifest its own.
#include "common/layer/layer_check.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "common/base/status.h"
#include "common/layer/layer_writer.h"
#include "tests/common/layer/sample_tree.h"
#include "tests/support/random_bytes.h"

namespace crossmill::layer {
namespace {

using ::testing::HasSubstr;

TarEntry EntryOf(const std::string& path, uint32_t mode, int64_t size, int64_t mtime = 0) {
  TarEntry entry;
  entry.path = path;
  entry.mode = mode;
  entry.size = size;
  entry.mtime = mtime;
  return entry;
}

class LayerCheckTest : public testing::Test {
 protected:
  struct Made {
    std::string tar;
    std::string manifest;
  };
  // A folder, a file in it, what is removed, and a file that takes many reads.
  Made Honest(const std::string& content = "content") {
    Made made;
    LayerWriter writer([&](std::string_view bytes) { return made.tar.append(bytes), absl::OkStatus(); },
                       1000);
    TarEntry folder = EntryOf("a", 0755, 0, 7);
    folder.type = EntryType::kDirectory;
    EXPECT_OK(writer.Add(folder, nullptr));
    EXPECT_OK(writer.AddWhiteout("a/gone"));
    EXPECT_OK(writer.Add(EntryOf("a/file", 0644, static_cast<int64_t>(content.size())), SourceOf(content)));
    const std::string large = RandomBytes(3 << 20, 11);
    EXPECT_OK(writer.Add(EntryOf("large", 0600, static_cast<int64_t>(large.size())), SourceOf(large)));
    made.manifest = writer.Finish()->Serialize();
    return made;
  }
  absl::Status Check(const Made& made) {
    return CheckLayer(*blobs_, *blobs_->PutBytes(made.tar), *blobs_->PutBytes(made.manifest));
  }
  void ExpectRefused(const Made& made, const std::string& why) {
    const absl::Status status = Check(made);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(why));
  }

  std::unique_ptr<BlobStore> blobs_ = MakeMemoryBlobStore();
};

TEST_F(LayerCheckTest, LayerAsTheWriterMakesItIsOne) {
  EXPECT_OK(Check(Honest()));
  Made empty;
  LayerWriter writer([&](std::string_view bytes) { return empty.tar.append(bytes), absl::OkStatus(); }, 0);
  empty.manifest = writer.Finish()->Serialize();
  EXPECT_OK(Check(empty));
}

TEST_F(LayerCheckTest, ManifestOfAnotherLayerIsRefused) {
  Made mixed = Honest();
  mixed.tar = Honest("foreign").tar;
  ExpectRefused(mixed, "the manifest is not that of the layer");
  Made shorter = Honest();
  shorter.manifest.erase(shorter.manifest.rfind('\n', shorter.manifest.size() - 2) + 1);
  ExpectRefused(shorter, "the manifest is not that of the layer");
  Made none = Honest();
  none.manifest = "";
  ExpectRefused(none, "the manifest is not that of the layer");
}

TEST_F(LayerCheckTest, OtherFormsOfTheSameTreeAreRefused) {
  Made padded = Honest();
  padded.tar.append(10240 - padded.tar.size() % 10240, '\0');
  ExpectRefused(padded, "not written as layers are");
  Made cut = Honest();
  cut.tar.resize(cut.tar.size() - 512);
  EXPECT_FALSE(Check(cut).ok());
  Made named = Honest();
  // The owner's name, which layers leave empty, with the header's sum put right.
  named.tar[265] = 'r';
  unsigned sum = 0;
  for (int i = 0; i < 512; ++i) sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(named.tar[i]);
  named.tar.replace(148, 7, fmt::format("{:06o}", sum) + std::string(1, '\0'));
  ExpectRefused(named, "not written as layers are");
  ExpectRefused({"no tar at all", Honest().manifest}, "");
}

TEST_F(LayerCheckTest, OrderAndRemovalsAreChecked) {
  Made made;
  CanonicalTarWriter writer([&](std::string_view bytes) { return made.tar.append(bytes), absl::OkStatus(); });
  ASSERT_OK(writer.Add(EntryOf("a/.wh..wh..opq", 0, 0, 3)));
  ASSERT_OK(writer.Finish());
  made.manifest = "crossmill-manifest 1\nw 0000 0 0 0 3 - a\n";
  EXPECT_FALSE(Check(made).ok());
  Made other;
  CanonicalTarWriter second(
      [&](std::string_view bytes) { return other.tar.append(bytes), absl::OkStatus(); });
  ASSERT_OK(second.Add(EntryOf("a/.wh.b", 0644, 0, 3)));
  ASSERT_OK(second.Finish());
  other.manifest = "crossmill-manifest 1\nw 0000 0 0 0 3 - a/b\n";
  ExpectRefused(other, "not a removal");
}

TEST_F(LayerCheckTest, WhatIsNotThereIsSaid) {
  const Made made = Honest();
  const Digest tar = *blobs_->PutBytes(made.tar);
  EXPECT_TRUE(absl::IsNotFound(CheckLayer(*blobs_, tar, DigestOf(made.manifest))));
  const Digest manifest = *blobs_->PutBytes(made.manifest);
  EXPECT_TRUE(absl::IsNotFound(CheckLayer(*blobs_, DigestOf("none"), manifest)));
  // Nor under another size.
  EXPECT_FALSE(CheckLayer(*blobs_, {tar.hash, tar.size + 1}, manifest).ok());
  // Also where one of that size would be too large to be looked at: nobody stored it.
  EXPECT_TRUE(absl::IsNotFound(CheckLayer(*blobs_, tar, {manifest.hash, int64_t{1} << 62})));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(absl::IsCancelled(CheckLayer(*blobs_, tar, manifest, stop.get_token())));
}

}  // namespace
}  // namespace crossmill::layer
