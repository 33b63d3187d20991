// Connections of a client to the coordinator's local door.
#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/mutex.h"
#include "common/rpc/packet_socket.h"
#include "crossmill/v1/local.pb.h"
#include "crossmill/v1/local_service.grpc.pb.h"

namespace crossmill::rpc {

// One conversation at the door. Not thread safe.
class LocalConnection {
 public:
  explicit LocalConnection(PacketSocket socket) : socket_(std::move(socket)) {}

  absl::Status Send(const v1::LocalRequest& request, int file = -1);
  // The coordinator has closed it: it was idle for too long, or the coordinator was started again.
  bool Ended() const { return socket_.Ended(); }
  // The answer to what was sent last; its status is returned. `file` gets what came with it.
  absl::StatusOr<v1::LocalResponse> Receive(UniqueFd* file = nullptr);

 private:
  PacketSocket socket_;
};

// Thread safe. Asks the coordinator for an invitation when a connection is wanted and none is idle; where the
// door cannot be reached it does not try again for a while.
class LocalConnections {
 public:
  explicit LocalConnections(std::shared_ptr<grpc::Channel> channel);

  // nullptr: there is no door (any more).
  std::unique_ptr<LocalConnection> Take();
  // Gives back one that is not in the middle of anything.
  void Return(std::unique_ptr<LocalConnection> connection);
  // A connection broke: what is idle is of the same coordinator, which has gone.
  void Broke();

 private:
  absl::StatusOr<std::unique_ptr<LocalConnection>> Open();
  void AvoidFor(absl::Duration duration);

  const std::unique_ptr<v1::LocalDoor::StubInterface> door_;
  const std::string boot_id_;
  Mutex mutex_;
  std::vector<std::unique_ptr<LocalConnection>> idle_ ABSL_GUARDED_BY(mutex_);
  absl::Time avoided_until_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

}  // namespace crossmill::rpc
