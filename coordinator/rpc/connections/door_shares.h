// How the descriptors of the process are shared out: to the doors, and what is left for the store. Pure.
#pragma once

#include <chrono>
#include <cstddef>

#include "coordinator/rpc/connections/connection_budget.h"

namespace crossmill::coordinator {

// What an operator may set (docs/operations.md, "Connections").
struct DoorSettings {
  // Of the gRPC door over TCP.
  ConnectionLimits tcp;
  // Of the HTTP door.
  ConnectionLimits http = {
      .most = 3'000, .most_of_peer = 2'500, .most_unknown = 1'000, .most_unknown_of_peer = 400};
  // Who has shown no token after that is let go.
  std::chrono::milliseconds unknown_time = std::chrono::seconds(10);
  // Calls on one connection at the same time.
  int streams = 1'000;
  // Threads of calls that need one.
  int threads = 512;
};

struct DoorShares {
  ConnectionLimits tcp;
  ConnectionLimits http;
  // Of the unix socket.
  size_t local = 0;
};

// With so many descriptors for the whole process a quarter, at most 2,048, is kept from TCP; half of that is
// the unix socket's, the rest the store's and everybody's. Where the others do not suffice for what is set,
// all limits shrink alike.
DoorShares ShareDescriptors(const DoorSettings& settings, size_t descriptors);

}  // namespace crossmill::coordinator
