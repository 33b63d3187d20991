#include "coordinator/rpc/worker_queue_service.h"

#include "common/base/status.h"
#include "coordinator/rpc/forward_call.h"
#include "coordinator/rpc/peers/worker_names.h"
#include "coordinator/rpc/worker_stream.h"

namespace crossmill::coordinator {
namespace {

// The context lives as long as its call, which asks.
std::function<absl::Status(std::string_view)> MayBe(const Authenticator& authenticator,
                                                    const grpc::CallbackServerContext& context) {
  return [&authenticator, &context](std::string_view name) -> absl::Status {
    ASSIGN_OR_RETURN(const Roles roles, authenticator.RolesOf(context));
    RETURN_IF_ERROR(CheckAccess(roles, v1::ACCESS_WORKER));
    return name.empty() ? absl::OkStatus() : CheckWorkerName(roles, name);
  };
}

std::function<absl::Status(std::string_view, std::string_view)> MayBeIn(
    const Authenticator& authenticator, const grpc::CallbackServerContext& context) {
  return [&authenticator, &context](std::string_view name, std::string_view pool) -> absl::Status {
    ASSIGN_OR_RETURN(const Roles roles, authenticator.RolesOf(context));
    return CheckWorkerPool(roles, name, pool);
  };
}

}  // namespace

// Both calls delete themselves.

grpc::ServerBidiReactor<v1::SynchronizeRequest, v1::SynchronizeResponse>* WorkerQueueService::Synchronize(
    grpc::CallbackServerContext* context) {
  return new WorkerStream(engine_, WorkerDoor{MayBe(authenticator_, *context),
                                              MayBeIn(authenticator_, *context), connected_, clock_});
}

grpc::ServerBidiReactor<v1::ForwardFrame, v1::ForwardFrame>* WorkerQueueService::Forward(
    grpc::CallbackServerContext* context) {
  return new ForwardCall(engine_, MayBe(authenticator_, *context));
}

}  // namespace crossmill::coordinator
