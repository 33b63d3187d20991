// crossmill.v1.WorkerQueue: one stream per connected worker, and one per connection of a step to an ssh
// agent. See docs/architecture.md, "Leases" and "Secrets and ssh agents".
#pragma once

#include "common/base/clock.h"
#include "coordinator/engine/engine.h"
#include "coordinator/rpc/authenticator.h"
#include "coordinator/rpc/peers/connected_workers.h"
#include "crossmill/v1/worker_service.grpc.pb.h"

namespace crossmill::coordinator {

// Thread safe.
class WorkerQueueService final : public v1::WorkerQueue::CallbackService {
 public:
  // `timeout`: silence after which a connection no longer keeps others from its worker's name.
  WorkerQueueService(Engine& engine, const Authenticator& authenticator, Clock& clock, absl::Duration timeout)
      : engine_(engine), authenticator_(authenticator), clock_(clock), connected_(timeout) {}

  grpc::ServerBidiReactor<v1::SynchronizeRequest, v1::SynchronizeResponse>* Synchronize(
      grpc::CallbackServerContext* context) override;
  grpc::ServerBidiReactor<v1::ForwardFrame, v1::ForwardFrame>* Forward(
      grpc::CallbackServerContext* context) override;

 private:
  Engine& engine_;
  const Authenticator& authenticator_;
  Clock& clock_;
  ConnectedWorkers connected_;
};

}  // namespace crossmill::coordinator
