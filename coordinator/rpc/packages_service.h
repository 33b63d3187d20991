// crossmill.v1.Packages: questions about packages over many builds.
#pragma once

#include "coordinator/rpc/authenticator.h"
#include "coordinator/storage/package_queries.h"
#include "crossmill/v1/client_service.grpc.pb.h"

namespace crossmill::coordinator {

// Thread safe.
class PackagesService final : public v1::Packages::Service {
 public:
  PackagesService(storage::PackageQueries& queries, const Authenticator& authenticator)
      : queries_(queries), authenticator_(authenticator) {}

  grpc::Status ListHistory(grpc::ServerContext* context, const v1::PackageHistoryRequest* request,
                           v1::PackageHistoryResponse* response) override;
  grpc::Status ListCompiled(grpc::ServerContext* context, const v1::CompiledPackagesRequest* request,
                            v1::CompiledPackagesResponse* response) override;
  grpc::Status ListUses(grpc::ServerContext* context, const v1::PackageUsesRequest* request,
                        v1::PackageUsesResponse* response) override;

 private:
  storage::PackageQueries& queries_;
  const Authenticator& authenticator_;
};

}  // namespace crossmill::coordinator
