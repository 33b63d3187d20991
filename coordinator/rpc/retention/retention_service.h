// crossmill.v1.Retention: what the farm keeps, what takes room, and what goes. Thin: the collector does it.
#pragma once

#include <string>

#include "common/base/clock.h"
#include "coordinator/engine/farm_reader.h"
#include "coordinator/retention/collector.h"
#include "coordinator/room/disk_room.h"
#include "coordinator/rpc/authenticator.h"
#include "coordinator/storage/retention/policy_records.h"
#include "crossmill/v1/retention_service.grpc.pb.h"

namespace crossmill::coordinator {

// Thread safe. What it is given outlives it.
class RetentionService final : public v1::Retention::Service {
 public:
  struct Parts {
    Collector& collector;
    storage::PolicyRecords& records;
    DiskRoom& room;
    FarmReader& reader;
    Clock& clock;
    std::string data_folder;
    // Of a data folder: Unix time in nanoseconds; 0: none is known.
    int64_t (*last_backup_at)(const std::string&);
  };
  RetentionService(Parts parts, const Authenticator& authenticator)
      : parts_(std::move(parts)), authenticator_(authenticator) {}

  grpc::Status ListPolicies(grpc::ServerContext* context, const v1::ListPoliciesRequest* request,
                            v1::ListPoliciesResponse* response) override;
  grpc::Status SetPolicy(grpc::ServerContext* context, const v1::SetPolicyRequest* request,
                         v1::SetPolicyResponse* response) override;
  grpc::Status GetDiskUse(grpc::ServerContext* context, const v1::GetDiskUseRequest* request,
                          v1::GetDiskUseResponse* response) override;
  grpc::Status Collect(grpc::ServerContext* context, const v1::CollectRequest* request,
                       v1::CollectResponse* response) override;
  grpc::Status PinBuild(grpc::ServerContext* context, const v1::PinBuildRequest* request,
                        v1::PinBuildResponse* response) override;
  grpc::Status UnpinBuild(grpc::ServerContext* context, const v1::UnpinBuildRequest* request,
                          v1::UnpinBuildResponse* response) override;
  grpc::Status ListPins(grpc::ServerContext* context, const v1::ListPinsRequest* request,
                        v1::ListPinsResponse* response) override;

 private:
  absl::Status Set(const v1::SetPolicyRequest& request, v1::SetPolicyResponse* response);
  absl::Status DiskUse(const v1::GetDiskUseRequest& request, const std::stop_token& stop,
                       v1::GetDiskUseResponse* response);
  v1::PolicyView ViewOf(const PolicyRule& rule, const std::map<std::string, std::string>& set) const;

  const Parts parts_;
  const Authenticator& authenticator_;
};

}  // namespace crossmill::coordinator
