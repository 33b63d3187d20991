#include "coordinator/rpc/connections/connection_door.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "common/base/log.h"
#include "common/base/status.h"
#include "common/base/threads.h"

namespace crossmill::coordinator {
namespace {

// Of one listener before the others have their turn.
constexpr int kTogether = 64;
constexpr auto kSweepEvery = std::chrono::seconds(1);
// After an accept that failed for want of descriptors.
constexpr int kPauseMillis = 100;

// All of them are one peer.
ConnectionLimits OnlyInAll(size_t most) {
  return {.most = most, .most_of_peer = most, .most_unknown = 1, .most_unknown_of_peer = 1};
}

}  // namespace

ConnectionDoor::ConnectionDoor(OpenConnections& connections, size_t most_local)
    : connections_(connections),
      local_connections_(OnlyInAll(most_local), OpenConnections::kNobodyIsUnknown) {}

ConnectionDoor::~ConnectionDoor() { Stop(); }

absl::StatusOr<int> ConnectionDoor::ListenOnTcp(const std::string& address) {
  ASSIGN_OR_RETURN(TcpSockets listening, ListenTcp(address));
  for (UniqueFd& socket : listening.sockets)
    listeners_.push_back({.socket = std::move(socket), .local = false});
  return listening.port;
}

absl::Status ConnectionDoor::ListenOnUnix(const std::string& path) {
  ASSIGN_OR_RETURN(UniqueFd socket, ListenUnix(path));
  unix_path_ = path;
  listeners_.push_back({.socket = std::move(socket), .local = true});
  return absl::OkStatus();
}

absl::Status ConnectionDoor::Start(Hand tcp, Hand local) {
  tcp_ = std::move(tcp);
  local_ = std::move(local);
  wake_ = UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (wake_.get() < 0) return absl::ResourceExhaustedError("no descriptor is left to accept connections");
  ASSIGN_OR_RETURN(thread_, StartThread([this](const std::stop_token& stop) { Run(stop); }));
  return absl::OkStatus();
}

void ConnectionDoor::Stop() {
  if (thread_.joinable()) {
    thread_.request_stop();
    const uint64_t one = 1;
    if (write(wake_.get(), &one, sizeof(one)) != sizeof(one)) LogWarning("the accepting thread is not woken");
    thread_.join();
  }
  listeners_.clear();
  if (!unix_path_.empty()) unlink(std::exchange(unix_path_, "").c_str());
}

void ConnectionDoor::Run(const std::stop_token& stop) {
  auto swept = std::chrono::steady_clock::now();
  while (!stop.stop_requested()) {
    std::vector<pollfd> waits;
    for (const Listener& listener : listeners_)
      waits.push_back({.fd = listener.socket.get(), .events = POLLIN, .revents = 0});
    waits.push_back({.fd = wake_.get(), .events = POLLIN, .revents = 0});
    poll(waits.data(), waits.size(), static_cast<int>(std::chrono::milliseconds(kSweepEvery).count()));
    bool starved = false;
    for (size_t i = 0; i < listeners_.size() && !stop.stop_requested(); ++i) {
      if (waits[i].revents != 0 && !AcceptSome(listeners_[i])) starved = true;
    }
    const auto now = std::chrono::steady_clock::now();
    if (now - swept >= kSweepEvery || starved) {
      connections_.Sweep(now);
      local_connections_.Sweep(now);
      swept = now;
    }
    // Without a pause it would find the same who waits again and again.
    if (starved) poll(&waits.back(), 1, kPauseMillis);
  }
}

bool ConnectionDoor::AcceptSome(const Listener& listener) {
  for (int i = 0; i < kTogether; ++i) {
    sockaddr_storage peer = {};
    socklen_t length = sizeof(peer);
    UniqueFd fd(accept4(listener.socket.get(), reinterpret_cast<sockaddr*>(&peer), &length,
                        SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd.get() < 0) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) return false;
      // What ended before it was accepted is nobody's loss.
      if (errno == ECONNABORTED || errno == EINTR) continue;
      return true;
    }
    OpenConnections& connections = listener.local ? local_connections_ : connections_;
    if (!connections.Admit(fd.get(), peer, std::chrono::steady_clock::now())) continue;
    (listener.local ? local_ : tcp_)(std::move(fd));
  }
  return true;
}

}  // namespace crossmill::coordinator
