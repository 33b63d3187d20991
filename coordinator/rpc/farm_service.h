// crossmill.v1.Farm: workers and version, for people.
#pragma once

#include <string>

#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "coordinator/bucket/bucket_blob_store.h"
#include "coordinator/core/standing/drained_workers.h"
#include "coordinator/engine/engine.h"
#include "coordinator/engine/trust/distrust.h"
#include "coordinator/engine/trust/switched_off_accelerators.h"
#include "coordinator/images/image_store.h"
#include "coordinator/room/disk_room.h"
#include "coordinator/rpc/authenticator.h"
#include "coordinator/rpc/page_links.h"
#include "coordinator/storage/drain_records.h"
#include "coordinator/storage/trust/trust_records.h"
#include "crossmill/v1/client_service.grpc.pb.h"

namespace crossmill::coordinator {

// What of workers an operator decides; all of it outlives the service.
struct WorkerControl {
  storage::DrainRecords& records;
  core::DrainedWorkers& drained;
  Distrust& distrust;
  storage::TrustRecords& trust;
  // By which the scheduler says when a worker was seen.
  Clock& passing;
  // Null: no accelerator set is ever switched off.
  SwitchedOffAccelerators* accelerators = nullptr;
};

// Thread safe.
class FarmService final : public v1::Farm::Service {
 public:
  FarmService(Engine& engine, Clock& clock, std::string data_folder, const Authenticator& authenticator,
              PageLinks& page_links, WorkerControl control, ImageStore& images,
              const DiskRoom* room = nullptr, BucketBlobStore* bucket = nullptr)
      : engine_(engine),
        clock_(clock),
        data_folder_(std::move(data_folder)),
        authenticator_(authenticator),
        page_links_(page_links),
        control_(control),
        images_(images),
        room_(room),
        bucket_(bucket) {}

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
  grpc::Status CordonWorker(grpc::ServerContext* context, const v1::CordonWorkerRequest* request,
                            v1::CordonWorkerResponse* response) override;
  grpc::Status UncordonWorker(grpc::ServerContext* context, const v1::UncordonWorkerRequest* request,
                              v1::UncordonWorkerResponse* response) override;
  grpc::Status RemoveWorker(grpc::ServerContext* context, const v1::RemoveWorkerRequest* request,
                            v1::RemoveWorkerResponse* response) override;
  grpc::Status DistrustWorker(grpc::ServerContext* context, const v1::DistrustWorkerRequest* request,
                              v1::DistrustWorkerResponse* response) override;
  grpc::Status TrustWorker(grpc::ServerContext* context, const v1::TrustWorkerRequest* request,
                           v1::TrustWorkerResponse* response) override;
  grpc::Status ListAccelerators(grpc::ServerContext* context, const v1::ListAcceleratorsRequest* request,
                                v1::ListAcceleratorsResponse* response) override;
  grpc::Status AllowAccelerator(grpc::ServerContext* context, const v1::AllowAcceleratorRequest* request,
                                v1::AllowAcceleratorResponse* response) override;

 private:
  // NOT_FOUND, unless one is called so or `by_record`: an operator said something of it.
  absl::Status CheckKnown(const std::string& worker, bool by_record);
  absl::Status SetDrained(const std::string& worker, bool drained);
  absl::Status SetCordoned(const std::string& worker, bool cordoned);
  absl::Status Remove(const std::string& worker);

  Engine& engine_;
  Clock& clock_;
  const std::string data_folder_;
  const Authenticator& authenticator_;
  PageLinks& page_links_;
  const WorkerControl control_;
  ImageStore& images_;
  // Null: nobody watches the disk.
  const DiskRoom* const room_;
  BucketBlobStore* const bucket_;
  // Held over a change of the record and of memory, which have to come in one order. Nothing else waits for
  // it.
  Mutex draining_;
};

}  // namespace crossmill::coordinator
