// crossmill.v1.Overview: the wall, trends, and what changes on the farm.
#pragma once

#include "common/base/clock.h"
#include "coordinator/core/standing/scope.h"
#include "coordinator/rpc/authenticator.h"
#include "coordinator/rpc/overview/farm_watchers.h"
#include "coordinator/storage/overview/overview_records.h"
#include "crossmill/v1/client_service.grpc.pb.h"

namespace crossmill::coordinator {

// Thread safe.
class OverviewService final : public v1::Overview::WithCallbackMethod_WatchFarm<v1::Overview::Service> {
 public:
  OverviewService(storage::OverviewRecords& records, FarmWatchers& watchers, Clock& clock,
                  const Authenticator& authenticator)
      : records_(records), watchers_(watchers), clock_(clock), authenticator_(authenticator) {}

  grpc::Status ListWall(grpc::ServerContext* context, const v1::ListWallRequest* request,
                        v1::ListWallResponse* response) override;
  grpc::Status GetTrends(grpc::ServerContext* context, const v1::GetTrendsRequest* request,
                         v1::GetTrendsResponse* response) override;
  grpc::ServerWriteReactor<v1::FarmNews>* WatchFarm(grpc::CallbackServerContext* context,
                                                    const v1::WatchFarmRequest* request) override;

 private:
  absl::Status FillWall(const core::Scope& scope, const v1::ListWallRequest& request,
                        v1::ListWallResponse* response);
  absl::Status FillTrends(const v1::GetTrendsRequest& request, v1::GetTrendsResponse* response);

  storage::OverviewRecords& records_;
  FarmWatchers& watchers_;
  Clock& clock_;
  const Authenticator& authenticator_;
};

}  // namespace crossmill::coordinator
