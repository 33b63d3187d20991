// The coordinator's blob store as workers and clients see it: BlobStore over the Remote Execution
// API's ContentAddressableStorage (small blobs, several per call) and ByteStream (large ones).
#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "common/base/blob_store.h"
#include "common/rpc/retry.h"

namespace crossmill::rpc {

struct RemoteBlobOptions {
  // Where writers put what is more than `memory_buffer` bytes until Commit; empty: $TMPDIR or /var/tmp.
  std::string buffer_folder;
  size_t memory_buffer = 1 << 20;
  RetryPolicy retry;
  // Large blobs that shrink travel as zstd: where a network is slower than a processor.
  bool compress = false;
};

// Thread safe. Every method may fail with UNAVAILABLE after its attempts; a full disk here or there is
// RESOURCE_EXHAUSTED. Batch limits are the server's, asked for once. Put sends blobs that fit together
// in one call.
std::unique_ptr<BlobStore> MakeRemoteBlobStore(std::shared_ptr<grpc::Channel> channel,
                                               const RemoteBlobOptions& options);
std::unique_ptr<BlobStore> MakeRemoteBlobStore(std::shared_ptr<grpc::Channel> channel,
                                               std::string buffer_folder);

}  // namespace crossmill::rpc
