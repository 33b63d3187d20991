// From an image in the blob store to a pinned base: layers uncompressed, diffIDs verified.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "common/layer/compression.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::oci {

// By the blob's first bytes.
absl::StatusOr<layer::Compression> CompressionOfBlob(BlobStore& store, const Digest& blob);

// The layer's uncompressed tar as a blob of its own (the same blob if it is not compressed).
// INVALID_ARGUMENT unless it has the digest `diff_id` ("sha256:...").
absl::StatusOr<Digest> UncompressedLayer(BlobStore& store, const Digest& layer, std::string_view diff_id);

// Pins the platform's image below `root` (index or manifest; both in the store with all that platform's
// blobs): everything in PinnedImage but `reference` and `stand_in`, which are the caller's. The uncompressed
// layers are put into the store; newest_time is the latest of `created` and every mtime. NOT_FOUND lists
// the platforms if this one is not there; INVALID_ARGUMENT for a damaged layer or one without its diffID.
absl::StatusOr<v1::PinnedImage> PinImage(BlobStore& store, const Digest& root, const v1::Platform& platform);

}  // namespace crossmill::oci
