// One Synchronize call: the stream of a connected worker. See docs/architecture.md, "Leases".
#pragma once

#include <grpcpp/support/server_callback.h>

#include <memory>
#include <string>

#include "coordinator/engine/engine.h"
#include "crossmill/v1/worker_service.grpc.pb.h"

namespace crossmill::coordinator {

// A callback call: a worker that only waits costs memory, no thread, so that ten thousand can be connected.
// It deletes itself when the call is done. `engine` must outlive it.
class WorkerStream final : public grpc::ServerBidiReactor<v1::SynchronizeRequest, v1::SynchronizeResponse> {
 public:
  WorkerStream(Engine& engine, const absl::Status& allowed);

 private:
  class Link;

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone() override;

  // Gives the engine what the worker said. An error ends the stream.
  absl::Status Take();
  // The worker's connection ends: the engine hears of it once.
  void Leave(const absl::Status& status);

  Engine& engine_;
  // Belongs to gRPC from StartRead to OnReadDone; the rest is only used there, one after the other.
  v1::SynchronizeRequest request_;
  // Fixed by the first message: with another name this stream could take another worker's leases, and end
  // them.
  std::string name_;
  // The engine may hold it longer than the call lasts.
  const std::shared_ptr<Link> link_;
};

}  // namespace crossmill::coordinator
