// Connections over TLS: each has a thread that ends the TLS and carries its bytes to gRPC, under the name by
// which ConnectionCallers knows whose it is.
#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <stop_token>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "common/base/files.h"
#include "common/base/mutex.h"
#include "coordinator/buildkit/door/connection_callers.h"
#include "coordinator/buildkit/door/door_tls.h"
#include "coordinator/rpc/connections/open_connections.h"

namespace crossmill::coordinator::buildkit {

// Thread safe. The references outlive it.
class TlsConnections {
 public:
  // Takes the descriptor of a connection in plain text.
  using Hand = std::function<void(UniqueFd)>;

  TlsConnections(const DoorTls& tls, ConnectionCallers& callers, OpenConnections& connections,
                 std::chrono::milliseconds handshake_time)
      : tls_(tls), callers_(callers), connections_(connections), handshake_time_(handshake_time) {}
  ~TlsConnections() { Stop(); }

  // From now on Take may be called. Once a second it looks for connections whose certificate, or its token,
  // is not good any more, and ends them.
  absl::Status Start(Hand grpc);
  // A TCP connection that was accepted and admitted to `connections`. Does not wait.
  void Take(UniqueFd tcp);
  // Ends all, and refuses what comes.
  void Stop();
  size_t size();

 private:
  struct Connection {
    UniqueFd tcp;
    // To gRPC; once the handshake is over.
    UniqueFd plain;
    // Its name; empty before that.
    std::string peer;
    bool ended = false;
    // One after the other at which it was worth nothing.
    int worthless_looks = 0;
    // Last: it uses the others.
    std::jthread thread;
  };

  void Serve(Connection& connection);
  absl::Status ServeInTls(Connection& connection);
  // Both sockets at once: the thread ends by itself.
  static void End(Connection& connection);
  void Watch(const std::stop_token& stop);
  void EndWorthless();

  const DoorTls& tls_;
  ConnectionCallers& callers_;
  OpenConnections& connections_;
  const std::chrono::milliseconds handshake_time_;
  Hand grpc_;
  Mutex mutex_;
  CondVar changed_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  // A list: threads keep references. Descriptors and names change under the mutex.
  std::list<Connection> open_ ABSL_GUARDED_BY(mutex_);
  std::jthread watcher_;
};

}  // namespace crossmill::coordinator::buildkit
