// The Wheels service: what the farm has compiled and offers to later builds, for clients.
#pragma once

#include "coordinator/core/standing/scope.h"
#include "coordinator/rpc/authenticator.h"
#include "coordinator/storage/farm_wheel_records.h"
#include "coordinator/storage/record_store.h"
#include "crossmill/v1/client_service.grpc.pb.h"

namespace crossmill::coordinator {

// Thread safe. What it is given outlives it.
class WheelsService final : public v1::Wheels::Service {
 public:
  WheelsService(storage::RecordStore& records, const Authenticator& authenticator)
      : records_(records), wheels_(records.connection()), authenticator_(authenticator) {}

  grpc::Status ListFarmWheels(grpc::ServerContext* context, const v1::ListFarmWheelsRequest* request,
                              v1::ListFarmWheelsResponse* response) override;
  grpc::Status RemoveFarmWheels(grpc::ServerContext* context, const v1::RemoveFarmWheelsRequest* request,
                                v1::RemoveFarmWheelsResponse* response) override;

 private:
  absl::Status List(const core::Scope& scope, const v1::ListFarmWheelsRequest& request,
                    v1::ListFarmWheelsResponse* response);
  absl::Status Remove(const v1::RemoveFarmWheelsRequest& request, v1::RemoveFarmWheelsResponse* response);

  storage::RecordStore& records_;
  storage::FarmWheelRecords wheels_;
  const Authenticator& authenticator_;
};

}  // namespace crossmill::coordinator
