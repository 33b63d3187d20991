// One Synchronize call: the stream of a connected worker. See docs/architecture.md, "Leases".
#pragma once

#include <grpcpp/support/server_callback.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "coordinator/engine/engine.h"
#include "coordinator/rpc/peers/connected_workers.h"
#include "crossmill/v1/worker_service.grpc.pb.h"

namespace crossmill::coordinator {

// What a worker's connection is let in by.
struct WorkerDoor {
  // Whether the caller is a worker still, and may be the one of that name ("": of whatever name). Asked for
  // every message: a token that is revoked ends the connection of its worker.
  std::function<absl::Status(std::string_view name)> may_be;
  // Whether that worker of the caller's may be in the pool.
  std::function<absl::Status(std::string_view name, std::string_view pool)> may_be_in;
  ConnectedWorkers& connected;
  Clock& clock;
};

// A callback call: a worker that only waits costs memory, no thread, so that ten thousand can be connected.
// It deletes itself when the call is done. `engine` must outlive it.
class WorkerStream final : public grpc::ServerBidiReactor<v1::SynchronizeRequest, v1::SynchronizeResponse> {
 public:
  WorkerStream(Engine& engine, WorkerDoor door);

 private:
  class Link;

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  // Gives the engine what the worker said. An error ends the stream. `read_on`: the next message may be read
  // now, not only when the engine says so.
  absl::Status Take(bool* read_on);
  // Whether the worker may be what it says it is, and keeps to the forms.
  absl::Status CheckInfo(const v1::WorkerInfo& info) const;
  // The first message says which worker this is.
  absl::Status Introduce();
  // The worker's connection ends: the engine hears of it once.
  void Leave(const absl::Status& status);

  Engine& engine_;
  const WorkerDoor door_;
  // Belongs to gRPC from StartRead to OnReadDone; the rest is only used there, one after the other.
  v1::SynchronizeRequest request_;
  // Fixed by the first message: with another name this stream could take another worker's leases, and end
  // them.
  std::string name_;
  bool left_ = false;
  // The engine may hold it longer than the call lasts.
  const std::shared_ptr<Link> link_;
};

}  // namespace crossmill::coordinator
