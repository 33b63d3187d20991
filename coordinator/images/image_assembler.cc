#include "coordinator/images/image_assembler.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "common/base/json.h"
#include "common/base/status.h"
#include "common/layer/compression.h"
#include "common/oci/annotations.h"
#include "common/oci/base_layers.h"
#include "common/oci/image_walk.h"
#include "common/oci/reference.h"

namespace crossmill::coordinator {
namespace {

absl::StatusOr<oci::Descriptor> PutDocument(BlobStore& blobs, std::string_view media_type,
                                            std::string_view bytes) {
  oci::Descriptor descriptor;
  descriptor.media_type = std::string(media_type);
  ASSIGN_OR_RETURN(descriptor.digest, blobs.PutBytes(bytes));
  return descriptor;
}

absl::StatusOr<std::vector<std::string>> NormalisedTags(absl::Span<const std::string> tags) {
  std::vector<std::string> names;
  for (const std::string& tag : tags) {
    auto reference = oci::ParseReference(tag);
    if (!reference.ok()) return Annotate(reference.status(), fmt::format("tag {}", tag));
    if (!reference->digest.empty()) {
      return absl::InvalidArgumentError(
          fmt::format("tag {}: a name for an image has a tag, not a digest", tag));
    }
    names.push_back(reference->ToString());
  }
  return names;
}

absl::StatusOr<std::string> WithLabels(const std::string& config,
                                       const std::vector<v1::BuildArgument>& labels) {
  if (labels.empty()) return config;
  ASSIGN_OR_RETURN(Json document, ParseJson(config));
  if (!document.is_object()) return absl::InvalidArgumentError("image config: not a JSON object");
  Json& inner = document["config"];
  if (!inner.is_object()) inner = Json::object();
  std::map<std::string, std::string> all;
  if (const auto known = inner.find("Labels"); known != inner.end() && known->is_object()) {
    for (const auto& [name, value] : known->items()) {
      if (value.is_string()) all[name] = value.get<std::string>();
    }
  }
  for (const v1::BuildArgument& label : labels) all[label.name()] = label.value();
  Json& sorted = inner["Labels"] = Json::object();
  for (const auto& [name, value] : all) sorted[name] = value;
  return WriteJson(document);
}

LayerCompression CompressionOf(const ImageOptions& options) {
  LayerCompression compression;
  if (options.compression == v1::COMPRESSION_ZSTD) compression.kind = layer::Compression::kZstd;
  if (options.compression_level != 0) compression.level = options.compression_level;
  return compression;
}

}  // namespace

ImageOptions ImageOptionsOf(const v1::BuildOptions& options) {
  ImageOptions image;
  if (options.compression() != v1::COMPRESSION_UNSPECIFIED) image.compression = options.compression();
  image.compression_level = options.compression_level();
  image.labels.assign(options.labels().begin(), options.labels().end());
  image.annotations.assign(options.annotations().begin(), options.annotations().end());
  return image;
}

absl::StatusOr<std::vector<oci::Descriptor>> ImageAssembler::BaseLayers(const v1::PinnedImage& base) {
  std::vector<oci::Descriptor> layers;
  ASSIGN_OR_RETURN(const std::optional<ManifestRecord> record, records_.FindManifest(base.manifest_digest()));
  if (!record.has_value()) {
    return absl::NotFoundError(fmt::format("base image {} ({}) is not in the farm's image store",
                                           base.reference(), base.manifest_digest()));
  }
  ASSIGN_OR_RETURN(const std::string document, blobs_.Get(record->manifest));
  ASSIGN_OR_RETURN(oci::ImageManifest manifest, oci::ParseImageManifest(document));
  if (manifest.layers.size() != static_cast<size_t>(base.layers_size())) {
    return absl::InternalError(fmt::format("base image {}: {} layers pinned, {} in its manifest",
                                           base.manifest_digest(), base.layers_size(),
                                           manifest.layers.size()));
  }
  for (oci::Descriptor& layer : manifest.layers) {
    // Publishers' media types are Docker's or wrong; the bytes say what it is.
    ASSIGN_OR_RETURN(const layer::Compression compression, oci::CompressionOfBlob(blobs_, layer.digest));
    layer.media_type = std::string(LayerMediaType(compression, true));
  }
  return std::move(manifest.layers);
}

absl::StatusOr<AssembledImage> ImageAssembler::AssembleImage(const ImageParts& parts,
                                                             const std::stop_token& stop) {
  AssembledImage assembled;
  assembled.platform = parts.platform;
  oci::ImageManifest manifest;
  v1::PinnedImage image;
  int64_t newest = 0;
  if (parts.base != nullptr) {
    ASSIGN_OR_RETURN(manifest.layers, BaseLayers(*parts.base));
    *image.mutable_layers() = parts.base->layers();
    newest = parts.base->newest_time();
  }
  for (const v1::Layer& layer : parts.layers) {
    auto compressed = compressor_.Compressed(FromProto(layer.tar()), CompressionOf(parts.options), stop);
    if (!compressed.ok()) {
      return Annotate(compressed.status(),
                      fmt::format("compressing layer {}", ToString(FromProto(layer.tar()))));
    }
    manifest.layers.push_back(*std::move(compressed));
    *image.add_layers() = layer;
  }
  std::vector<Digest> diff_ids;
  for (const v1::Layer& layer : image.layers()) {
    diff_ids.push_back(FromProto(layer.tar()));
    assembled.uncompressed_bytes += layer.tar().size_bytes();
  }
  ASSIGN_OR_RETURN(const std::string planned, WithLabels(parts.planned_config, parts.options.labels));
  ASSIGN_OR_RETURN(const std::string config,
                   oci::FinishImageConfig(planned, diff_ids, parts.epoch, parts.layer_times));
  ASSIGN_OR_RETURN(
      manifest.annotations,
      oci::AnnotationsFor(parts.options.annotations, oci::AnnotationLevel::kManifest, &parts.platform));
  ASSIGN_OR_RETURN(manifest.config, PutDocument(blobs_, oci::media_type::kOciConfig, config));
  ASSIGN_OR_RETURN(const oci::Descriptor document,
                   PutDocument(blobs_, oci::media_type::kOciManifest, oci::WriteImageManifest(manifest)));
  assembled.manifest = document.digest;
  assembled.config = manifest.config.digest;
  for (const oci::Descriptor& layer : manifest.layers) assembled.blobs.push_back(layer.digest);
  // With kept times the newest one is not known here; ImageStore::Pin finds it when somebody asks.
  if (parts.keep_times) return assembled;
  // Else the image is pinned from the start: a later recipe may build on it.
  *image.mutable_platform() = parts.platform;
  image.set_manifest_digest(assembled.manifest.Oci());
  image.set_config(config);
  for (int64_t time : parts.layer_times) newest = std::max(newest, time);
  image.set_newest_time(std::max(newest, parts.epoch));
  RETURN_IF_ERROR(records_.PutManifest({assembled.manifest, std::move(image)}));
  return assembled;
}

absl::StatusOr<Digest> ImageAssembler::AssembleIndex(absl::Span<const AssembledImage> images,
                                                     absl::Span<const std::string> tags,
                                                     std::string_view origin, const ImageOptions& options,
                                                     const core::Author& author) {
  ASSIGN_OR_RETURN(std::vector<std::string> names, NormalisedTags(tags));
  oci::ImageIndex index;
  ASSIGN_OR_RETURN(index.annotations,
                   oci::AnnotationsFor(options.annotations, oci::AnnotationLevel::kIndex, nullptr));
  for (const AssembledImage& image : images) {
    oci::Descriptor descriptor;
    descriptor.media_type = std::string(oci::media_type::kOciManifest);
    descriptor.digest = image.manifest;
    descriptor.platform = image.platform;
    ASSIGN_OR_RETURN(
        descriptor.annotations,
        oci::AnnotationsFor(options.annotations, oci::AnnotationLevel::kManifestDescriptor, &image.platform));
    index.manifests.push_back(std::move(descriptor));
  }
  ASSIGN_OR_RETURN(const oci::Descriptor root,
                   PutDocument(blobs_, oci::media_type::kOciIndex, oci::WriteImageIndex(index)));
  ASSIGN_OR_RETURN(const oci::ImageBlobs blobs, oci::WalkImage(blobs_, root.digest));
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(const std::optional<ImageRecord> known,
                     FindVisible(records_, core::Scope::OfProject(author.project), name));
    if (known) RETURN_IF_ERROR(CheckMayName(author, *known));
  }
  names.push_back(root.digest.Oci());
  for (std::string& name : names) {
    ImageRecord record;
    record.name = std::move(name);
    record.root = root.digest;
    for (const AssembledImage& image : images) record.platforms.push_back(image.platform);
    record.origin = std::string(origin);
    record.size_bytes = blobs.total_bytes;
    record.created_at = UnixNanos(clock_.Now());
    record.project = author.project;
    ASSIGN_OR_RETURN(const std::optional<ImageRecord> known, records_.FindImage(record.name, record.project));
    record.owner = OwnerAfter(author, known);
    // Only an operator gives everybody something else under a name that everybody has.
    record.shared = author.operates && known && known->shared;
    // The name has this image already: it keeps its origin and time, and a rebuild without changes waits for
    // no disk.
    if (known.has_value() && known->root == record.root && !known->stand_in) continue;
    RETURN_IF_ERROR(records_.PutImage(record));
  }
  return root.digest;
}

}  // namespace crossmill::coordinator
