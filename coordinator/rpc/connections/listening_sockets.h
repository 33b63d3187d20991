// Sockets that the coordinator listens at: TCP at every address that a name stands for, and one in the file
// system.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/files.h"

namespace crossmill::coordinator {

struct TcpSockets {
  std::vector<UniqueFd> sockets;
  int port = 0;
};

// "host:port"; port 0: any free one, the same at all addresses. 0.0.0.0 and [::] stand for every address of
// both families. UNAVAILABLE: taken; INVALID_ARGUMENT: no such address.
absl::StatusOr<TcpSockets> ListenTcp(const std::string& address);

// A socket that nobody but the owner and root can connect to, not even before this returns. In place of one
// that was there.
absl::StatusOr<UniqueFd> ListenUnix(const std::string& path);

}  // namespace crossmill::coordinator
