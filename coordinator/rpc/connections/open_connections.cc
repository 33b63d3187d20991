#include "coordinator/rpc/connections/open_connections.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <random>

#include "common/base/files.h"
#include "common/base/status.h"

namespace crossmill::coordinator {
namespace {

// While there is no room, not more often than that: looking at ten thousand takes some milliseconds.
constexpr auto kSweepPause = std::chrono::milliseconds(50);

ino_t InodeOf(int fd) {
  struct stat found = {};
  return fstat(fd, &found) == 0 && S_ISSOCK(found.st_mode) ? found.st_ino : 0;
}

// Ends the connection of that socket, if the descriptor is still its own. The copy holds it while it is
// looked at.
void ShutDown(int fd, ino_t inode) {
  const UniqueFd copy(fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (copy.get() >= 0 && InodeOf(copy.get()) == inode) shutdown(copy.get(), SHUT_RDWR);
}

std::string AddressOf(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = {};
  if (address.ss_family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(address).sin_addr, text, sizeof(text));
  } else if (address.ss_family == AF_INET6) {
    const in6_addr& bits = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&bits)) {
      inet_ntop(AF_INET, &bits.s6_addr[12], text, sizeof(text));
    } else {
      inet_ntop(AF_INET6, &bits, text, sizeof(text));
    }
  }
  return text;
}

// What stands between "[" and "]", which may be escaped; else all of it.
std::string_view WithoutBrackets(std::string_view host) {
  for (const auto& [open, close] :
       {std::pair<std::string_view, std::string_view>{"%5B", "%5D"}, {"[", "]"}}) {
    if (host.size() >= open.size() + close.size() && host.starts_with(open) && host.ends_with(close))
      return host.substr(open.size(), host.size() - open.size() - close.size());
  }
  return host;
}

}  // namespace

std::string EndpointOf(std::string_view grpc_peer) {
  if (!grpc_peer.starts_with("ipv4:") && !grpc_peer.starts_with("ipv6:")) return "";
  grpc_peer.remove_prefix(5);
  const size_t colon = grpc_peer.rfind(':');
  if (colon == std::string_view::npos) return "";
  const std::string_view host = WithoutBrackets(grpc_peer.substr(0, colon));
  return fmt::format("{} {}", host.substr(0, host.find('%')), grpc_peer.substr(colon + 1));
}

std::string EndpointOf(const sockaddr_storage& address) {
  const std::string host = AddressOf(address);
  if (host.empty()) return "";
  // In the same place in both families.
  return fmt::format("{} {}", host, ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port));
}

OpenConnections::OpenConnections(const ConnectionLimits& limits, std::chrono::milliseconds unknown_time)
    : unknown_time_(unknown_time), budget_(limits, std::random_device()()) {}

bool OpenConnections::Admit(int fd, const sockaddr_storage& peer, Time now) {
  const std::string group = PeerGroup(AddressOf(peer));
  const ino_t inode = InodeOf(fd);
  if (inode == 0) return false;
  MutexLock lock(mutex_);
  const uint64_t id = next_++;
  ConnectionBudget::Answer answer = budget_.Admit(id, group);
  if (answer.evicted != 0) Close(answer.evicted);
  if (!answer.admitted && now - swept_ > kSweepPause) {
    SweepLocked(now);
    answer = budget_.Admit(id, group);
    if (answer.evicted != 0) Close(answer.evicted);
  }
  if (!answer.admitted) return false;
  Socket& socket = sockets_[id];
  socket = {.fd = fd, .inode = inode, .since = now, .endpoint = EndpointOf(peer)};
  by_endpoint_[socket.endpoint] = id;
  if (unknown_time_ == kNobodyIsUnknown) budget_.Know(id);
  return true;
}

void OpenConnections::Know(std::string_view grpc_peer) {
  const std::string endpoint = EndpointOf(grpc_peer);
  if (endpoint.empty()) return;
  MutexLock lock(mutex_);
  const auto found = by_endpoint_.find(endpoint);
  if (found != by_endpoint_.end()) budget_.Know(found->second);
}

void OpenConnections::Retire(std::string_view grpc_peer) {
  const std::string endpoint = EndpointOf(grpc_peer);
  if (endpoint.empty()) return;
  MutexLock lock(mutex_);
  const auto found = by_endpoint_.find(endpoint);
  if (found == by_endpoint_.end()) return;
  const auto socket = sockets_.find(found->second);
  if (socket != sockets_.end() && socket->second.retired == 0) socket->second.retired = 1;
}

void OpenConnections::Close(uint64_t id) {
  const auto found = sockets_.find(id);
  if (found != sockets_.end()) ShutDown(found->second.fd, found->second.inode);
}

void OpenConnections::Sweep(Time now) {
  MutexLock lock(mutex_);
  SweepLocked(now);
}

void OpenConnections::SweepLocked(Time now) {
  swept_ = now;
  for (auto it = sockets_.begin(); it != sockets_.end();) {
    auto& [id, socket] = *it;
    if (InodeOf(socket.fd) != socket.inode) {
      budget_.Forget(id);
      // The same peer may have come again from the same port.
      const auto named = by_endpoint_.find(socket.endpoint);
      if (named != by_endpoint_.end() && named->second == id) by_endpoint_.erase(named);
      it = sockets_.erase(it);
      continue;
    }
    if (budget_.IsUnknown(id) && now - socket.since > unknown_time_) {
      budget_.Evict(id);
      Close(id);
    }
    if (socket.retired > 0 && ++socket.retired > 2) Close(id);
    ++it;
  }
}

size_t OpenConnections::size() {
  MutexLock lock(mutex_);
  return sockets_.size();
}

}  // namespace crossmill::coordinator
