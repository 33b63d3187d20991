// The farm's own services, called in the name of a BuildKit client's caller: walls, limits and the audit hold
// as for everybody.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <memory>
#include <string>

#include "coordinator/rpc/authenticator.h"
#include "crossmill/v1/client_service.grpc.pb.h"
#include "crossmill/v1/retention_service.grpc.pb.h"

namespace crossmill::coordinator::buildkit {

// Thread safe. The token is good as long as this lives.
class FarmCaller {
 public:
  FarmCaller(const std::shared_ptr<grpc::Channel>& channel, LentToken token)
      : token_(std::move(token)),
        builds_(v1::Builds::NewStub(channel)),
        farm_(v1::Farm::NewStub(channel)),
        retention_(v1::Retention::NewStub(channel)) {}

  // Of each call, before it.
  void Prepare(grpc::ClientContext* context) const {
    context->AddMetadata("authorization", "Bearer " + token_.text());
  }
  const std::string& token() const { return token_.text(); }
  v1::Builds::Stub& builds() const { return *builds_; }
  v1::Farm::Stub& farm() const { return *farm_; }
  v1::Retention::Stub& retention() const { return *retention_; }

 private:
  const LentToken token_;
  const std::unique_ptr<v1::Builds::Stub> builds_;
  const std::unique_ptr<v1::Farm::Stub> farm_;
  const std::unique_ptr<v1::Retention::Stub> retention_;
};

}  // namespace crossmill::coordinator::buildkit
