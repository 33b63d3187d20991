// From finished stages to images: manifests, configs and the multi-platform index.
#pragma once

#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/base/blob_store.h"
#include "common/base/clock.h"
#include "common/oci/image.h"
#include "coordinator/images/image_records.h"
#include "coordinator/images/layer_compressor.h"
#include "coordinator/images/name_owner.h"
#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::coordinator {

// What the submitter wants of the images beside their content.
struct ImageOptions {
  v1::Compression compression = v1::COMPRESSION_GZIP;
  // 0: the compression's default.
  int compression_level = 0;
  // Besides those of the Dockerfile, and before them.
  std::vector<v1::BuildArgument> labels;
  // As `--annotation` writes them (common/oci/annotations.h).
  std::vector<v1::BuildArgument> annotations;
};
ImageOptions ImageOptionsOf(const v1::BuildOptions& options);

struct ImageParts {
  v1::Platform platform;
  // StagePlan.config: everything but rootfs and times.
  std::string planned_config;
  // The pinned base image; nullptr for FROM scratch.
  const v1::PinnedImage* base = nullptr;
  // Layers above the base, bottom first, those of FROM stages included, and their clamp values in seconds.
  std::vector<v1::Layer> layers;
  std::vector<int64_t> layer_times;
  // Seconds since 1970, for what has no time of its own.
  int64_t epoch = 0;
  // Layers may hold times later than their clamp values.
  bool keep_times = false;
  ImageOptions options;
};

struct AssembledImage {
  Digest manifest;
  // As the manifest names them; the layers bottom first, compressed.
  Digest config;
  std::vector<Digest> blobs;
  v1::Platform platform;
  // Uncompressed layers, base included.
  int64_t uncompressed_bytes = 0;
};

// Thread safe.
class ImageAssembler {
 public:
  // `threads`: LayerCompressor.
  ImageAssembler(BlobStore& blobs, ImageRecords& records, Clock& clock, int threads)
      : blobs_(blobs), records_(records), clock_(clock), compressor_(blobs, records, threads) {}

  // What compresses its layers.
  LayerCompressor& compressor() { return compressor_; }

  // Puts config and manifest into the store. The base's layers are used in the form in which their publisher
  // compressed them, new ones are compressed once and remembered. Equal parts give equal bytes.
  // NOT_FOUND names a layer that is not in the store; INVALID_ARGUMENT if config and layers do not fit;
  // CANCELLED after a stop.
  absl::StatusOr<AssembledImage> AssembleImage(const ImageParts& parts, const std::stop_token& stop = {});

  // Puts the index of the images (in this order) into the store and names it: always by its digest, and by
  // each of `tags`. INVALID_ARGUMENT for a malformed tag, PERMISSION_DENIED for one that is another's by now,
  // before any name is written. `origin`: "build 12".
  absl::StatusOr<Digest> AssembleIndex(absl::Span<const AssembledImage> images,
                                       absl::Span<const std::string> tags, std::string_view origin,
                                       const ImageOptions& options = {}, const core::Author& author = {});

 private:
  // The base's layers as its manifest names them, with media types of OCI.
  absl::StatusOr<std::vector<oci::Descriptor>> BaseLayers(const v1::PinnedImage& base);

  BlobStore& blobs_;
  ImageRecords& records_;
  Clock& clock_;
  LayerCompressor compressor_;
};

}  // namespace crossmill::coordinator
