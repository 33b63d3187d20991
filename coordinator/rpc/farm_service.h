// crossmill.v1.Farm: workers and version, for people.
#pragma once

#include <string>

#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "coordinator/core/standing/drained_workers.h"
#include "coordinator/engine/engine.h"
#include "coordinator/rpc/authenticator.h"
#include "coordinator/rpc/page_links.h"
#include "coordinator/storage/drain_records.h"
#include "crossmill/v1/client_service.grpc.pb.h"

namespace crossmill::coordinator {

// What of workers an operator decides; both outlive the service.
struct WorkerControl {
  storage::DrainRecords& records;
  core::DrainedWorkers& drained;
};

// Thread safe.
class FarmService final : public v1::Farm::Service {
 public:
  FarmService(Engine& engine, Clock& clock, std::string data_folder, const Authenticator& authenticator,
              PageLinks& page_links, WorkerControl control)
      : engine_(engine),
        clock_(clock),
        data_folder_(std::move(data_folder)),
        authenticator_(authenticator),
        page_links_(page_links),
        control_(control) {}

  grpc::Status ListWorkers(grpc::ServerContext* context, const v1::ListWorkersRequest* request,
                           v1::ListWorkersResponse* response) override;
  grpc::Status GetVersion(grpc::ServerContext* context, const v1::GetVersionRequest* request,
                          v1::GetVersionResponse* response) override;
  grpc::Status GetFarmStatus(grpc::ServerContext* context, const v1::GetFarmStatusRequest* request,
                             v1::FarmStatus* response) override;
  grpc::Status MakePageLink(grpc::ServerContext* context, const v1::MakePageLinkRequest* request,
                            v1::MakePageLinkResponse* response) override;

  grpc::Status GetCaller(grpc::ServerContext* context, const v1::GetCallerRequest* request,
                         v1::GetCallerResponse* response) override;
  grpc::Status DrainWorker(grpc::ServerContext* context, const v1::DrainWorkerRequest* request,
                           v1::DrainWorkerResponse* response) override;
  grpc::Status UndrainWorker(grpc::ServerContext* context, const v1::UndrainWorkerRequest* request,
                             v1::UndrainWorkerResponse* response) override;

 private:
  absl::Status SetDrained(const std::string& worker, bool drained);

  Engine& engine_;
  Clock& clock_;
  const std::string data_folder_;
  const Authenticator& authenticator_;
  PageLinks& page_links_;
  const WorkerControl control_;
  // Held over a change of the record and of memory, which have to come in one order. Nothing else waits for
  // it.
  Mutex draining_;
};

}  // namespace crossmill::coordinator
