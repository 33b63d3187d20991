// crossmill.v1.Verification: recorded builds built again, and recipes over time. Thin: others do the work.
#pragma once

#include "coordinator/rpc/authenticator.h"
#include "coordinator/verification/rebuilds.h"
#include "crossmill/v1/client_service.grpc.pb.h"

namespace crossmill::coordinator {

// Thread safe. Role: client.
class VerificationService final : public v1::Verification::Service {
 public:
  VerificationService(Rebuilds& rebuilds, const Authenticator& authenticator)
      : rebuilds_(rebuilds), authenticator_(authenticator) {}

  grpc::Status VerifyBuild(grpc::ServerContext* context, const v1::VerifyBuildRequest* request,
                           v1::SubmitBuildResponse* response) override;

 private:
  Rebuilds& rebuilds_;
  const Authenticator& authenticator_;
};

}  // namespace crossmill::coordinator
