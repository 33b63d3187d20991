// Accepts connections and hands them to gRPC. gRPC's own listener takes all that come, and never accepts
// again once the process had no descriptor left; this one keeps within limits and waits until there are some.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "common/base/files.h"
#include "coordinator/rpc/connections/listening_sockets.h"
#include "coordinator/rpc/connections/open_connections.h"

namespace crossmill::coordinator {

// One thread. Stops when it dies.
class ConnectionDoor {
 public:
  // Takes the descriptor.
  using Hand = std::function<void(UniqueFd)>;

  // `connections` is about those over TCP, and outlives the door. Of the unix socket there are at most
  // `most_local`: it has the descriptors that TCP leaves.
  ConnectionDoor(OpenConnections& connections, size_t most_local);
  ~ConnectionDoor();
  ConnectionDoor(const ConnectionDoor&) = delete;
  ConnectionDoor& operator=(const ConnectionDoor&) = delete;

  // Before Start. Whoever connects meanwhile waits.
  absl::StatusOr<int> ListenOnTcp(const std::string& address);
  absl::Status ListenOnUnix(const std::string& path);
  // Accepts from now on.
  absl::Status Start(Hand tcp, Hand local);
  // Nothing is handed over afterwards; the sockets are closed, and that in the file system removed.
  void Stop();

 private:
  struct Listener {
    UniqueFd socket;
    bool local = false;
  };

  void Run(const std::stop_token& stop);
  // Some of those that wait. False: the process lacks descriptors.
  bool AcceptSome(const Listener& listener);

  OpenConnections& connections_;
  // Those of the unix socket.
  OpenConnections local_connections_;
  std::vector<Listener> listeners_;
  std::string unix_path_;
  Hand tcp_;
  Hand local_;
  UniqueFd wake_;
  std::jthread thread_;
};

}  // namespace crossmill::coordinator
