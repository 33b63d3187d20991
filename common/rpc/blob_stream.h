// Large blobs over ByteStream. Both directions go on where they were when the connection breaks.
#pragma once

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "common/rpc/retry.h"
#include "common/rpc/upload_buffer.h"
#include "google/bytestream/bytestream_service.grpc.pb.h"

namespace crossmill::rpc {

// Sends the buffer's bytes, which have `digest`, with `compress` as zstd if a sample shrinks; when the
// connection breaks then, it goes on without, from where the server is. Returns when the server has the blob,
// also when it had it before. INVALID_ARGUMENT if the server computed another digest.
absl::Status UploadBlob(google::bytestream::ByteStream::StubInterface& stub, const Digest& digest,
                        const UploadBuffer& buffer, const RetryPolicy& policy, bool compress = false);

// Opens `digest` for reading from `offset`; the first bytes are already here when it returns, so
// NOT_FOUND comes from here. `stub` must outlive the reader. Reads fail with DATA_LOSS when the bytes
// are too few, too many or, from offset 0, not those of the digest. With `compress` they travel as zstd.
absl::StatusOr<std::unique_ptr<BlobReader>> DownloadBlob(google::bytestream::ByteStream::StubInterface& stub,
                                                         const Digest& digest, int64_t offset,
                                                         const RetryPolicy& policy, bool compress = false);

}  // namespace crossmill::rpc
