#include "coordinator/rpc/connections/listening_sockets.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "common/base/status.h"

namespace crossmill::coordinator {
namespace {

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

absl::StatusOr<Addresses> Resolve(const std::string& address, bool* everywhere) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos || colon + 1 == address.size())
    return absl::InvalidArgumentError(fmt::format("cannot listen on {}: expected host:port", address));
  std::string host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  *everywhere = host.empty() || host == "0.0.0.0" || host == "::";
  addrinfo hints = {};
  hints.ai_family = *everywhere ? AF_INET6 : AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error =
      getaddrinfo(*everywhere ? "::" : host.c_str(), address.c_str() + colon + 1, &hints, &found);
  if (error != 0)
    return absl::InvalidArgumentError(fmt::format("cannot listen on {}: {}", address, gai_strerror(error)));
  return Addresses(found);
}

void SetPort(sockaddr* address, int port) {
  // In the same place in both families.
  reinterpret_cast<sockaddr_in*>(address)->sin_port = htons(static_cast<uint16_t>(port));
}

int PortOf(int fd) {
  sockaddr_storage address = {};
  socklen_t length = sizeof(address);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return 0;
  return ntohs(reinterpret_cast<sockaddr_in&>(address).sin_port);
}

// 0 or errno.
int BindAndListen(const sockaddr* address, socklen_t length, UniqueFd* made) {
  UniqueFd fd(socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return errno;
  const int on = 1, off = 0;
  if (address->sa_family != AF_UNIX) {
    setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    // Accepted sockets have it, too.
    setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }
  if (address->sa_family == AF_INET6) {
    const bool any = IN6_IS_ADDR_UNSPECIFIED(&reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr) != 0;
    setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, any ? &off : &on, sizeof(on));
  }
  if (bind(fd.get(), address, length) != 0 || listen(fd.get(), SOMAXCONN) != 0) return errno;
  *made = std::move(fd);
  return 0;
}

}  // namespace

absl::StatusOr<TcpSockets> ListenTcp(const std::string& address) {
  bool everywhere = false;
  ASSIGN_OR_RETURN(const Addresses list, Resolve(address, &everywhere));
  TcpSockets listening;
  int failed = 0;
  for (addrinfo* entry = list.get(); entry != nullptr; entry = entry->ai_next) {
    if (listening.port != 0) SetPort(entry->ai_addr, listening.port);
    UniqueFd socket;
    const int error = BindAndListen(entry->ai_addr, entry->ai_addrlen, &socket);
    // Half of an address is somebody else's.
    if (error == EADDRINUSE) return absl::UnavailableError(fmt::format("{}: {}", address, strerror(error)));
    if (error != 0) {
      failed = error;
      continue;
    }
    listening.port = PortOf(socket.get());
    listening.sockets.push_back(std::move(socket));
  }
  if (listening.sockets.empty() && everywhere) {
    // A machine without IPv6.
    sockaddr_in any = {};
    any.sin_family = AF_INET;
    SetPort(reinterpret_cast<sockaddr*>(&any), atoi(address.c_str() + address.rfind(':') + 1));
    UniqueFd socket;
    failed = BindAndListen(reinterpret_cast<sockaddr*>(&any), sizeof(any), &socket);
    if (failed == 0) {
      listening.port = PortOf(socket.get());
      listening.sockets.push_back(std::move(socket));
    }
  }
  if (listening.sockets.empty())
    return absl::UnavailableError(fmt::format("{}: {}", address, strerror(failed)));
  return listening;
}

absl::StatusOr<UniqueFd> ListenUnix(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path))
    return absl::InvalidArgumentError(fmt::format("socket path {} is too long", path));
  std::memcpy(address.sun_path, path.data(), path.size());
  struct stat there = {};
  if (lstat(path.c_str(), &there) == 0 && S_ISSOCK(there.st_mode)) unlink(path.c_str());
  UniqueFd socket;
  const mode_t previous = umask(0177);
  const int error = BindAndListen(reinterpret_cast<sockaddr*>(&address), sizeof(address), &socket);
  umask(previous);
  if (error != 0) return absl::UnavailableError(fmt::format("{}: {}", path, strerror(error)));
  return socket;
}

}  // namespace crossmill::coordinator
