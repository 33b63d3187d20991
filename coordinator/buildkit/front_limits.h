// How much clients of BuildKit may ask of the door that is for them: settings (coordinator/limits.h).
#pragma once

#include <cstdint>

namespace crossmill::coordinator::buildkit {

struct FrontLimits {
  // Over TCP. Each has a thread, two descriptors and some 100 KiB. Those that show nothing are in their
  // handshake.
  int64_t connections = 1'024;
  int64_t connections_of_peer = 512;
  int64_t unknown_connections = 128;
  int64_t unknown_connections_of_peer = 64;
  // At the socket.
  int64_t local_connections = 256;
  // Calls on one connection at the same time, and threads of all calls: a build has five.
  int64_t calls = 1'000;
  int64_t threads = 2'048;
  // Of messages and headers that are being read, in all.
  int64_t message_bytes = int64_t{1} << 30;
  // Each has two threads, two descriptors and up to a megabyte on the way.
  int64_t sessions = 512;
  int64_t sessions_of_client = 128;
  // Each has threads of its calls, and a display of 4 MiB at most.
  int64_t builds = 256;
  int64_t builds_of_client = 96;
  // Of one folder that a client sends.
  int64_t folder_entries = 1'000'000;
  int64_t folder_bytes = int64_t{64} << 30;
};

}  // namespace crossmill::coordinator::buildkit
