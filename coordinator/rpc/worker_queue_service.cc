#include "coordinator/rpc/worker_queue_service.h"

#include "coordinator/rpc/forward_call.h"
#include "coordinator/rpc/worker_stream.h"

namespace crossmill::coordinator {

// Both calls delete themselves.

grpc::ServerBidiReactor<v1::SynchronizeRequest, v1::SynchronizeResponse>* WorkerQueueService::Synchronize(
    grpc::CallbackServerContext* context) {
  return new WorkerStream(engine_, authenticator_.Require(*context, v1::ACCESS_WORKER));
}

grpc::ServerBidiReactor<v1::ForwardFrame, v1::ForwardFrame>* WorkerQueueService::Forward(
    grpc::CallbackServerContext* context) {
  return new ForwardCall(engine_, authenticator_.Require(*context, v1::ACCESS_WORKER));
}

}  // namespace crossmill::coordinator
