// The connections of one door that gRPC has been given, followed from outside: gRPC does not say when it
// closes one, nor does it close one because somebody else needs the room.
#pragma once

#include <netinet/in.h>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

#include "common/base/mutex.h"
#include "coordinator/rpc/connections/connection_budget.h"

namespace crossmill::coordinator {

// "ADDRESS PORT" of a peer as gRPC names it ("ipv4:10.0.0.1:123", "ipv6:%5B::1%5D:123"), and of a socket's
// address; empty for anything else.
std::string EndpointOf(std::string_view grpc_peer);
std::string EndpointOf(const sockaddr_storage& address);

// Thread safe.
class OpenConnections {
 public:
  using Time = std::chrono::steady_clock::time_point;
  // As `unknown_time`: no token is asked for.
  static constexpr std::chrono::milliseconds kNobodyIsUnknown{0};

  // One that has shown no token after `unknown_time` is closed.
  OpenConnections(const ConnectionLimits& limits, std::chrono::milliseconds unknown_time);

  // For those that come from now on.
  void SetLimits(const ConnectionLimits& limits) {
    MutexLock lock(mutex_);
    budget_.SetLimits(limits);
  }
  // Whether there is room for an accepted socket, which the caller closes if not. Others may be closed for
  // it.
  bool Admit(int fd, const sockaddr_storage& peer, Time now);
  // The peer of a call, as gRPC names it, has shown a token.
  void Know(std::string_view grpc_peer);
  // The peer of a call is to connect anew: closed by a later Sweep, so that what it was answered comes first.
  void Retire(std::string_view grpc_peer);
  // Forgets what is closed, and closes who has shown no token in time.
  void Sweep(Time now);
  size_t size();

 private:
  // A descriptor's number is given again when it is closed; the socket behind it is told by its inode.
  struct Socket {
    int fd = -1;
    ino_t inode = 0;
    Time since;
    std::string endpoint;
    // By the second Sweep from then on; 0: not.
    int retired = 0;
  };

  void SweepLocked(Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Close(uint64_t id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::chrono::milliseconds unknown_time_;
  Mutex mutex_;
  ConnectionBudget budget_ ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, Socket> sockets_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<std::string, uint64_t> by_endpoint_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_ ABSL_GUARDED_BY(mutex_) = 1;
  Time swept_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill::coordinator
