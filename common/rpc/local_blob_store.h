// The coordinator's blob store as a process of its own machine sees it: large blobs go through the local door
// (docs/architecture.md, "Bytes"), where open files are handed over instead of bytes; everything else, and
// everything where there is no such door, goes through a RemoteBlobStore.
#pragma once

#include <grpcpp/channel.h>

#include <memory>

#include "common/base/blob_store.h"
#include "common/rpc/remote_blob_store.h"

namespace crossmill::rpc {

// Thread safe. Errors are those of the remote store. A writer that has already handed over bytes when the
// coordinator goes away fails with UNAVAILABLE: the caller writes the blob again, which then goes the other
// way.
std::unique_ptr<BlobStore> MakeLocalBlobStore(std::shared_ptr<grpc::Channel> channel,
                                              const RemoteBlobOptions& options);

}  // namespace crossmill::rpc
