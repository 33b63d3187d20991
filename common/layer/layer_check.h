// Whether a blob is a canonical layer and its manifest tells what is in it: what is reported about a layer by
// somebody else is believed only after this.
#pragma once

#include <stop_token>

#include "absl/status/status.h"
#include "common/base/blob_store.h"
#include "common/base/digest.h"

namespace crossmill::layer {

// Reads the whole layer once; memory is bounded by the manifest's size. NOT_FOUND if one of the blobs is not
// in the store, INVALID_ARGUMENT with what is wrong if `tar` is no canonical tar (docs/formats.md), holds
// what no layer holds, or `manifest` is not its own; CANCELLED when `stop` says so; DATA_LOSS if the store
// itself is damaged.
absl::Status CheckLayer(BlobStore& blobs, const Digest& tar, const Digest& manifest,
                        const std::stop_token& stop = {});

}  // namespace crossmill::layer
