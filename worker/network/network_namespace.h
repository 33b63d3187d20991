// A network namespace with nothing but loopback, and sockets that listen in it.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/base/files.h"

namespace crossmill::worker {

// The namespace lives as long as one of its descriptors.
struct NetworkNamespace {
  // As of /proc/PID/ns/net.
  UniqueFd itself;
  // One per port, at 127.0.0.1; they do not block. A socket stays in the namespace where it was made, whoever
  // uses it.
  std::vector<UniqueFd> listeners;
};

// Thread safe; the caller's own namespace stays what it is. It belongs to the caller's user namespace, so
// that a runtime in that one may mount sysfs for it. UNAVAILABLE with what the kernel said.
absl::StatusOr<NetworkNamespace> MakeNetworkNamespace(absl::Span<const uint16_t> ports);

}  // namespace crossmill::worker
