// crossmill.v1.WorkerQueue: one stream per connected worker, and one per connection of a step to an ssh
// agent. See docs/architecture.md, "Leases" and "Secrets and ssh agents".
#pragma once

#include "coordinator/engine/engine.h"
#include "coordinator/rpc/authenticator.h"
#include "crossmill/v1/worker_service.grpc.pb.h"

namespace crossmill::coordinator {

// Thread safe.
class WorkerQueueService final : public v1::WorkerQueue::CallbackService {
 public:
  WorkerQueueService(Engine& engine, const Authenticator& authenticator)
      : engine_(engine), authenticator_(authenticator) {}

  grpc::ServerBidiReactor<v1::SynchronizeRequest, v1::SynchronizeResponse>* Synchronize(
      grpc::CallbackServerContext* context) override;
  grpc::ServerBidiReactor<v1::ForwardFrame, v1::ForwardFrame>* Forward(
      grpc::CallbackServerContext* context) override;

 private:
  Engine& engine_;
  const Authenticator& authenticator_;
};

}  // namespace crossmill::coordinator
