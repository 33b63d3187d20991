// What a connection to the HTTP door may take.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "coordinator/rpc/connections/door_shares.h"

namespace crossmill::coordinator::door {

// docs/api.md, "Limits", has the numbers.
struct DoorLimits {
  ConnectionLimits connections = DoorSettings().http;
  // Between requests of a connection that has shown no token, and before its first.
  std::chrono::milliseconds unknown_time = DoorSettings().unknown_time;
  // Of all fields of a request together, the request line included.
  uint32_t head_bytes = 32 << 10;
  // From the first byte of a head to its last.
  std::chrono::milliseconds head_time = std::chrono::seconds(20);
  // Between requests.
  std::chrono::milliseconds idle_time = std::chrono::seconds(75);
  // Without a byte of a body, or without room for one of an answer.
  std::chrono::milliseconds stall_time = std::chrono::seconds(60);
  // Of a body that is read whole.
  size_t body_bytes = 8 << 20;
};

}  // namespace crossmill::coordinator::door
