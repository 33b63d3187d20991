// Bytes between a TLS connection and a plain socket, on the thread of the caller. What waits in each
// direction is one piece; who does not read is not read from.
#pragma once

#include <chrono>

#include "absl/status/status.h"

struct ssl_st;

namespace crossmill::coordinator::buildkit {

// Both descriptors of sockets do not block. `connection` is about `tcp`.

// The server's half. DEADLINE_EXCEEDED; UNAUTHENTICATED with OpenSSL's reason; UNAVAILABLE: the client has
// gone. Who is refused is told so before this returns, and has a second to hear it.
absl::Status ShakeHands(ssl_st* connection, int tcp, std::chrono::milliseconds patience);

// Until one end is closed, or shut down from another thread. What was read before is delivered.
void PumpTls(ssl_st* connection, int tcp, int plain);

}  // namespace crossmill::coordinator::buildkit
