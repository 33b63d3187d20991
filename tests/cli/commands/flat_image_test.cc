#include "cli/images/flat_image.h"

#include <gtest/gtest.h>

#include "common/layer/canonical_tar.h"
#include "common/oci/image.h"
#include "tests/common/layer/sample_tree.h"
#include "tests/support/status_matchers.h"

namespace crossmill::cli {
namespace {

Digest PutLayer(BlobStore& blobs, const std::vector<layer::SampleEntry>& entries) {
  std::string tar;
  layer::CanonicalTarWriter writer(layer::AppendTo(&tar));
  for (const layer::SampleEntry& sample : entries) {
    EXPECT_OK(writer.Add(sample.entry));
    EXPECT_OK(writer.Data(sample.content));
  }
  EXPECT_OK(writer.Finish());
  return *blobs.PutBytes(tar);
}

Digest PutManifest(BlobStore& blobs, const std::vector<Digest>& layers) {
  std::string diff_ids;
  oci::ImageManifest manifest;
  for (const Digest& layer : layers) {
    diff_ids += (diff_ids.empty() ? "\"" : ",\"") + layer.Oci() + "\"";
    manifest.layers.push_back({std::string(oci::media_type::kOciLayer), layer, std::nullopt, {}});
  }
  manifest.config.media_type = oci::media_type::kOciConfig;
  manifest.config.digest = *blobs.PutBytes(
      R"({"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[)" + diff_ids + "]}}");
  return *blobs.PutBytes(oci::WriteImageManifest(manifest));
}

TEST(FlatImageTest, LayersGiveTheSameAsOneThatHasWhatTheyLeave) {
  const std::unique_ptr<BlobStore> blobs = MakeMemoryBlobStore();
  const Digest below =
      PutLayer(*blobs, {layer::Folder("a"), layer::File("a/gone", "1"), layer::File("a/kept", "2")});
  const Digest above =
      PutLayer(*blobs, {layer::Folder("a"), layer::File("a/.wh.gone", ""), layer::File("a/new", "333")});
  const Digest one =
      PutLayer(*blobs, {layer::Folder("a"), layer::File("a/kept", "2"), layer::File("a/new", "333")});
  const auto two_layers = FlatImage::Read(*blobs, PutManifest(*blobs, {below, above}));
  ASSERT_OK(two_layers);
  const auto one_layer = FlatImage::Read(*blobs, PutManifest(*blobs, {one}));
  ASSERT_OK(one_layer);
  EXPECT_EQ((*two_layers)->manifest(), (*one_layer)->manifest());
  const auto content = (*two_layers)->Open("a/new");
  ASSERT_OK(content);
  EXPECT_EQ((*content)->size(), 3);
  EXPECT_EQ(*(*content)->Read(1, 10), "33");
  EXPECT_EQ(*(*content)->Read(3, 1), "");
  EXPECT_TRUE(absl::IsNotFound((*two_layers)->Open("a/gone").status()));
}

TEST(FlatImageTest, AMissingLayerIsNotFound) {
  const std::unique_ptr<BlobStore> blobs = MakeMemoryBlobStore();
  const Digest manifest = PutManifest(*blobs, {Digest{std::string(64, 'a'), 10}});
  EXPECT_TRUE(absl::IsNotFound(FlatImage::Read(*blobs, manifest).status()));
}

}  // namespace
}  // namespace crossmill::cli
