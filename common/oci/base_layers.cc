#include "common/oci/base_layers.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "common/base/status.h"
#include "common/layer/blob_copy.h"
#include "common/layer/tar_reader.h"
#include "common/oci/image.h"

namespace crossmill::oci {
namespace {

// The manifest for the platform at or below `root`.
absl::StatusOr<Digest> FindManifest(BlobStore& store, const Digest& root, const v1::Platform& platform) {
  ASSIGN_OR_RETURN(const std::string bytes, store.Get(root));
  ASSIGN_OR_RETURN(const std::string type, DocumentType(bytes));
  if (IsManifestType(type)) return root;
  ASSIGN_OR_RETURN(const ImageIndex index, ParseImageIndex(bytes));
  ASSIGN_OR_RETURN(const Descriptor descriptor, SelectPlatform(index, platform));
  return descriptor.digest;
}

// A manifest named without an index says its platform only in its config.
absl::Status CheckPlatform(const ImageConfig& config, const v1::Platform& platform) {
  ImageIndex index;
  Descriptor descriptor;
  descriptor.platform = config.platform;
  // arm64 configs often leave the variant out and arm ones too; SelectPlatform knows what is meant.
  index.manifests.push_back(std::move(descriptor));
  return SelectPlatform(index, platform).status();
}

// The latest mtime in the tar, which is read to its end.
absl::StatusOr<int64_t> NewestTime(const layer::Source& tar) {
  layer::TarReader reader(tar);
  int64_t newest = std::numeric_limits<int64_t>::min();
  while (true) {
    ASSIGN_OR_RETURN(const std::optional<layer::TarEntry> entry, reader.Next());
    if (!entry.has_value()) return newest;
    newest = std::max(newest, entry->mtime);
  }
}

struct Layer {
  Digest tar;
  int64_t newest_time = 0;
};

absl::Status CheckDiffId(const Digest& tar, std::string_view diff_id) {
  ASSIGN_OR_RETURN(const std::string hash, HashOfOci(diff_id));
  if (tar.hash == hash) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("its content has diffID {}, the image config says {}", tar.Oci(), diff_id));
}

// As UncompressedLayer, and the newest time on the way: the tar passes by only once.
absl::StatusOr<Layer> ReadLayer(BlobStore& store, const Digest& blob, std::string_view diff_id) {
  ASSIGN_OR_RETURN(const layer::Compression compression, CompressionOfBlob(store, blob));
  ASSIGN_OR_RETURN(layer::Source source, layer::BlobSource(store, blob));
  Layer layer;
  layer.tar = blob;
  if (compression == layer::Compression::kNone) {
    RETURN_IF_ERROR(CheckDiffId(layer.tar, diff_id));
    ASSIGN_OR_RETURN(layer.newest_time, NewestTime(source));
    return layer;
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<BlobWriter> writer, store.Create(Digest()));
  const layer::Source tar = [&, decompressed = layer::Decompressed(std::move(source))](
                                char* buffer, size_t size) -> absl::StatusOr<size_t> {
    ASSIGN_OR_RETURN(const size_t count, decompressed(buffer, size));
    RETURN_IF_ERROR(writer->Write(std::string_view(buffer, count)));
    return count;
  };
  ASSIGN_OR_RETURN(layer.newest_time, NewestTime(tar));
  // What follows the archive's end belongs to the digest too.
  std::string rest(64 << 10, '\0');
  while (true) {
    ASSIGN_OR_RETURN(const size_t count, tar(rest.data(), rest.size()));
    if (count == 0) break;
  }
  ASSIGN_OR_RETURN(layer.tar, writer->Commit());
  RETURN_IF_ERROR(CheckDiffId(layer.tar, diff_id));
  return layer;
}

}  // namespace

absl::StatusOr<layer::Compression> CompressionOfBlob(BlobStore& store, const Digest& blob) {
  ASSIGN_OR_RETURN(const layer::Source source, layer::BlobSource(store, blob));
  char buffer[4];
  size_t size = 0;
  while (size < sizeof(buffer)) {
    ASSIGN_OR_RETURN(const size_t count, source(buffer + size, sizeof(buffer) - size));
    if (count == 0) break;
    size += count;
  }
  return layer::DetectCompression(std::string_view(buffer, size));
}

absl::StatusOr<Digest> UncompressedLayer(BlobStore& store, const Digest& layer, std::string_view diff_id) {
  ASSIGN_OR_RETURN(const layer::Compression compression, CompressionOfBlob(store, layer));
  Digest tar = layer;
  if (compression != layer::Compression::kNone) {
    ASSIGN_OR_RETURN(layer::Source source, layer::BlobSource(store, layer));
    auto stored = layer::CopyToStore(layer::Decompressed(std::move(source)), store, Digest());
    if (!stored.ok()) return Annotate(stored.status(), fmt::format("layer {}", layer.Oci()));
    tar = *std::move(stored);
  }
  RETURN_IF_ERROR(Annotate(CheckDiffId(tar, diff_id), fmt::format("layer {}", layer.Oci())));
  return tar;
}

absl::StatusOr<v1::PinnedImage> PinImage(BlobStore& store, const Digest& root, const v1::Platform& platform) {
  ASSIGN_OR_RETURN(const Digest manifest_digest, FindManifest(store, root, platform));
  ASSIGN_OR_RETURN(const std::string manifest_bytes, store.Get(manifest_digest));
  ASSIGN_OR_RETURN(const ImageManifest manifest, ParseImageManifest(manifest_bytes));
  ASSIGN_OR_RETURN(const std::string config_bytes, store.Get(manifest.config.digest));
  ASSIGN_OR_RETURN(const ImageConfig config, ParseImageConfig(config_bytes));
  if (manifest_digest == root) RETURN_IF_ERROR(CheckPlatform(config, platform));
  if (manifest.layers.size() != config.diff_ids.size()) {
    return absl::InvalidArgumentError(fmt::format("image {}: {} layers, but its config has {} diffIDs",
                                                  manifest_digest.Oci(), manifest.layers.size(),
                                                  config.diff_ids.size()));
  }
  v1::PinnedImage image;
  *image.mutable_platform() = platform;
  image.set_manifest_digest(manifest_digest.Oci());
  image.set_config(config_bytes);
  int64_t newest = config.created.value_or(std::numeric_limits<int64_t>::min());
  for (size_t i = 0; i < manifest.layers.size(); ++i) {
    const Digest& blob = manifest.layers[i].digest;
    auto layer = ReadLayer(store, blob, config.diff_ids[i]);
    if (!layer.ok()) return Annotate(layer.status(), fmt::format("layer {}", blob.Oci()));
    newest = std::max(newest, layer->newest_time);
    ToProto(layer->tar, image.add_layers()->mutable_tar());
  }
  image.set_newest_time(std::max<int64_t>(newest, 0));
  return image;
}

}  // namespace crossmill::oci
