// crossmill.v1.Notices: what names are now and how that changed.
#pragma once

#include "coordinator/core/standing/scope.h"
#include "coordinator/rpc/authenticator.h"
#include "coordinator/storage/notices/state_records.h"
#include "crossmill/v1/notices_service.grpc.pb.h"

namespace crossmill::coordinator {

// Thread safe. What it is given outlives it.
class NoticesService final : public v1::Notices::Service {
 public:
  NoticesService(storage::StateRecords& records, const Authenticator& authenticator)
      : records_(records), authenticator_(authenticator) {}

  grpc::Status ListStateChanges(grpc::ServerContext* context, const v1::ListStateChangesRequest* request,
                                v1::ListStateChangesResponse* response) override;
  grpc::Status ListNameStates(grpc::ServerContext* context, const v1::ListNameStatesRequest* request,
                              v1::ListNameStatesResponse* response) override;

 private:
  absl::Status Changes(const core::Scope& scope, const v1::ListStateChangesRequest& request,
                       v1::ListStateChangesResponse* response);
  absl::Status States(const core::Scope& scope, const v1::ListNameStatesRequest& request,
                      v1::ListNameStatesResponse* response);

  storage::StateRecords& records_;
  const Authenticator& authenticator_;
};

// A page token that is a number; 0 for an empty one. INVALID_ARGUMENT.
absl::StatusOr<int64_t> ParseNumberToken(const std::string& token);
// `asked` where it is more than 0, at most 1000.
int PageSize(int asked, int usual);

}  // namespace crossmill::coordinator
