// Layers compressed as an image wants them, each once.
#pragma once

#include <optional>
#include <stop_token>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "common/base/keyed_lock.h"
#include "common/layer/compression.h"
#include "common/oci/image.h"
#include "coordinator/images/image_records.h"

namespace crossmill::coordinator {

struct LayerCompression {
  layer::Compression kind = layer::Compression::kGzip;
  // Nothing: the compression's usual one.
  std::optional<int> level = {};
};

// Media type of a layer, of OCI or of Docker.
std::string_view LayerMediaType(layer::Compression compression, bool oci);

// Thread safe. What it is given outlives it.
class LayerCompressor {
 public:
  // `threads` compress one layer side by side; the bytes do not depend on it.
  LayerCompressor(BlobStore& blobs, ImageRecords& records, int threads)
      : blobs_(blobs), records_(records), threads_(threads) {}

  // The uncompressed tar in this form, with OCI's media type: made and remembered, or remembered. NOT_FOUND:
  // the tar is not in the store; CANCELLED after a stop.
  absl::StatusOr<oci::Descriptor> Compressed(const Digest& tar, const LayerCompression& compression,
                                             const std::stop_token& stop);
  // Whether that form of the tar was made here. Makes nothing.
  absl::StatusOr<bool> Made(const Digest& tar, const LayerCompression& compression, const Digest& blob);

 private:
  BlobStore& blobs_;
  ImageRecords& records_;
  const int threads_;
  // By diffID: each layer is compressed once even when several builds need it at the same time.
  KeyedLock compressions_;
};

}  // namespace crossmill::coordinator
