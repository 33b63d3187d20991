// The bytes inside a compressed archive: gzip, bzip2, xz, zstd or none, told apart by content.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "common/layer/tar_reader.h"

namespace crossmill::worker {

// Decompresses what `blob` gives, which must outlive the source. Errors in the compressed bytes are
// INVALID_ARGUMENT; the blob's own errors are returned as they are.
layer::Source MakeDecompressingSource(BlobReader& blob);

// True if the blob is a tar, compressed or not: what ADD extracts. Reads its beginning only.
absl::StatusOr<bool> IsTarArchive(BlobReader& blob);

}  // namespace crossmill::worker
