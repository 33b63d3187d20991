// ContentAddressableStorage and Capabilities of the Remote Execution API v2 over a BlobStore. Every
// instance name reaches the same store.
#pragma once

#include "build/bazel/remote/execution/v2/remote_execution_services.grpc.pb.h"
#include "common/base/blob_store.h"
#include "coordinator/rpc/authenticator.h"

namespace crossmill::coordinator {

// Blob bytes in one batch call. Small enough that a batch with all its headers stays below the 4 MiB that
// gRPC clients accept by default.
constexpr int64_t kMaxBatchBytes = 3 << 20;

// Thread safe.
class CasService final : public build::bazel::remote::execution::v2::ContentAddressableStorage::Service {
 public:
  // What clients of other machines send goes to `of_clients`, if it is given: it may have no room any more
  // where workers' results still have some.
  CasService(BlobStore& blobs, const Authenticator& authenticator, BlobStore* of_clients = nullptr)
      : blobs_(blobs),
        of_clients_(of_clients == nullptr ? blobs : *of_clients),
        authenticator_(authenticator) {}

  grpc::Status FindMissingBlobs(
      grpc::ServerContext* context,
      const build::bazel::remote::execution::v2::FindMissingBlobsRequest* request,
      build::bazel::remote::execution::v2::FindMissingBlobsResponse* response) override;
  grpc::Status BatchUpdateBlobs(
      grpc::ServerContext* context,
      const build::bazel::remote::execution::v2::BatchUpdateBlobsRequest* request,
      build::bazel::remote::execution::v2::BatchUpdateBlobsResponse* response) override;
  grpc::Status BatchReadBlobs(grpc::ServerContext* context,
                              const build::bazel::remote::execution::v2::BatchReadBlobsRequest* request,
                              build::bazel::remote::execution::v2::BatchReadBlobsResponse* response) override;
  // Every directory below the root once, parents first, in one stream; there are no page tokens.
  // A directory that is not in the store is left out, except the root.
  grpc::Status GetTree(
      grpc::ServerContext* context, const build::bazel::remote::execution::v2::GetTreeRequest* request,
      grpc::ServerWriter<build::bazel::remote::execution::v2::GetTreeResponse>* writer) override;

 private:
  BlobStore& blobs_;
  BlobStore& of_clients_;
  const Authenticator& authenticator_;
};

// Thread safe.
class CapabilitiesService final : public build::bazel::remote::execution::v2::Capabilities::Service {
 public:
  explicit CapabilitiesService(const Authenticator& authenticator) : authenticator_(authenticator) {}
  grpc::Status GetCapabilities(grpc::ServerContext* context,
                               const build::bazel::remote::execution::v2::GetCapabilitiesRequest* request,
                               build::bazel::remote::execution::v2::ServerCapabilities* response) override;

 private:
  const Authenticator& authenticator_;
};

}  // namespace crossmill::coordinator
