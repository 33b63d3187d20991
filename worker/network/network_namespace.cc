#include "worker/network/network_namespace.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "common/base/status.h"

namespace crossmill::worker {
namespace {

constexpr int kBacklog = 511;

absl::Status Failed(std::string_view what) {
  return absl::UnavailableError(fmt::format("network of a step: {}: {}", what, strerror(errno)));
}

absl::Status BringUpLoopback() {
  const UniqueFd control(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!control.valid()) return Failed("socket");
  ifreq request{};
  std::strncpy(request.ifr_name, "lo", sizeof(request.ifr_name) - 1);
  if (ioctl(control.get(), SIOCGIFFLAGS, &request) != 0) return Failed("loopback");
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
  if (ioctl(control.get(), SIOCSIFFLAGS, &request) != 0) return Failed("loopback");
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> Listen(uint16_t port) {
  UniqueFd made(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!made.valid()) return Failed("socket");
  const int on = 1;
  setsockopt(made.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(made.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    return Failed("bind");
  if (listen(made.get(), kBacklog) != 0) return Failed("listen");
  return made;
}

// On a thread that ends afterwards: none that is unprivileged outside could go back.
absl::StatusOr<NetworkNamespace> MakeHere(absl::Span<const uint16_t> ports) {
  if (unshare(CLONE_NEWNET) != 0) return Failed("unshare");
  RETURN_IF_ERROR(BringUpLoopback());
  NetworkNamespace made;
  for (const uint16_t port : ports) {
    ASSIGN_OR_RETURN(UniqueFd listener, Listen(port));
    made.listeners.push_back(std::move(listener));
  }
  ASSIGN_OR_RETURN(made.itself, OpenFile("/proc/thread-self/ns/net", O_RDONLY));
  return made;
}

}  // namespace

absl::StatusOr<NetworkNamespace> MakeNetworkNamespace(absl::Span<const uint16_t> ports) {
  absl::StatusOr<NetworkNamespace> made = absl::UnknownError("not made");
  std::jthread([&] { made = MakeHere(ports); }).join();
  return made;
}

}  // namespace crossmill::worker
