// Small images in a blob store, for tests of layouts and registries.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "common/base/blob_store.h"
#include "common/layer/compression.h"
#include "common/oci/image.h"
#include "common/oci/layout.h"
#include "tests/common/layer/sample_tree.h"

namespace crossmill::oci {

inline v1::Platform LinuxPlatform(std::string architecture) {
  v1::Platform platform;
  platform.set_os("linux");
  platform.set_architecture(std::move(architecture));
  return platform;
}

// Two layers (the second with a file that names the architecture), gzip-compressed, and `padding` bytes
// that do not compress in the second.
inline Digest PutImage(BlobStore& store, const std::string& architecture, size_t padding = 0) {
  std::string noise;
  uint32_t state = 7;
  while (noise.size() < padding) {
    state = state * 1664525 + 1013904223;
    noise.push_back(static_cast<char>(state >> 24));
  }
  // Device nodes are left out: unpacking them needs privileges.
  const std::vector<std::vector<layer::SampleEntry>> trees = {
      {layer::Folder("bin"), layer::File("bin/sh", "#!"),
       layer::Special("bin/sh2", layer::EntryType::kHardLink, "bin/sh")},
      {layer::Folder("bin"), layer::Whiteout("bin/sh"), layer::Folder("etc"),
       layer::File("etc/arch", architecture), layer::File("etc/noise", noise)}};
  ImageManifest manifest;
  std::vector<Digest> diff_ids;
  for (const std::vector<layer::SampleEntry>& tree : trees) {
    const std::string tar = layer::WriteLayer(tree).first;
    std::string compressed;
    EXPECT_OK(layer::GzipMembers(layer::SourceOf(tar), layer::AppendTo(&compressed)));
    diff_ids.push_back(DigestOf(tar));
    Descriptor layer;
    layer.media_type = media_type::kOciLayerGzip;
    layer.digest = *store.PutBytes(compressed);
    manifest.layers.push_back(layer);
  }
  auto config = FinishImageConfig(
      R"({"architecture":")" + architecture + R"(","os":"linux","config":{"Cmd":["/bin/sh"]},
         "history":[{"created_by":"first"},{"created_by":"second"}]})",
      diff_ids, 1'000'000'000, std::vector<int64_t>{1'000'000'000, 1'000'000'001});
  EXPECT_OK(config);
  manifest.config.media_type = media_type::kOciConfig;
  manifest.config.digest = *store.PutBytes(*config);
  return *store.PutBytes(WriteImageManifest(manifest));
}

inline Digest PutIndex(BlobStore& store, size_t padding = 0) {
  ImageIndex index;
  for (const char* architecture : {"amd64", "arm64"}) {
    Descriptor descriptor;
    descriptor.media_type = media_type::kOciManifest;
    descriptor.digest = PutImage(store, architecture, padding);
    descriptor.platform = LinuxPlatform(architecture);
    index.manifests.push_back(descriptor);
  }
  return *store.PutBytes(WriteImageIndex(index));
}

inline std::string LayoutOf(BlobStore& store, const Digest& root,
                            const std::vector<std::string>& names = {}) {
  std::string tar;
  EXPECT_OK(WriteLayout(store, root, names, layer::AppendTo(&tar)));
  return tar;
}

}  // namespace crossmill::oci
