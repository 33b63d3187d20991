// crossmill.v1.Matrices: several builds as one.
#pragma once

#include "coordinator/core/standing/scope.h"
#include "coordinator/engine/engine.h"
#include "coordinator/rpc/authenticator.h"
#include "crossmill/v1/client_service.grpc.pb.h"

namespace crossmill::coordinator {

// Thread safe. What it is given outlives it.
class MatricesService final : public v1::Matrices::Service {
 public:
  // `most`: combinations of one matrix.
  MatricesService(Engine& engine, Clock& clock, const Authenticator& authenticator, int64_t most)
      : engine_(engine), clock_(clock), authenticator_(authenticator), most_(most) {}

  grpc::Status SubmitMatrix(grpc::ServerContext* context, const v1::SubmitMatrixRequest* request,
                            v1::SubmitMatrixResponse* response) override;
  grpc::Status GetMatrix(grpc::ServerContext* context, const v1::GetMatrixRequest* request,
                         v1::MatrixView* response) override;
  grpc::Status CancelMatrix(grpc::ServerContext* context, const v1::CancelMatrixRequest* request,
                            v1::CancelMatrixResponse* response) override;

 private:
  // Of any of its builds: the first and how many they are. NOT_FOUND: the scope sees none.
  absl::StatusOr<v1::BuildView> AnyBuild(const core::Scope& scope, int64_t matrix);

  Engine& engine_;
  Clock& clock_;
  const Authenticator& authenticator_;
  const int64_t most_;
};

}  // namespace crossmill::coordinator
