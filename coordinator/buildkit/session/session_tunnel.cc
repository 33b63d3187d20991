#include "coordinator/buildkit/session/session_tunnel.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <thread>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/threads.h"

namespace crossmill::coordinator::buildkit {
namespace {

constexpr size_t kPiece = 64 << 10;

// False: the socket is shut down, or its other end closed.
bool WaitForSocket(int socket, short events) {
  pollfd wait = {.fd = socket, .events = events, .revents = 0};
  while (poll(&wait, 1, -1) < 0) {
    if (errno != EINTR) return false;
  }
  return (wait.revents & events) != 0;
}

bool SendAll(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<size_t>(sent));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN || !WaitForSocket(socket, POLLOUT)) return false;
  }
  return true;
}

void CarryToSocket(ByteStream& stream, int socket) {
  std::string piece;
  while (stream.Read(&piece) && SendAll(socket, piece)) {
  }
}

void CarryToStream(int socket, ByteStream& stream) {
  std::vector<char> piece(kPiece);
  while (true) {
    const ssize_t received = recv(socket, piece.data(), piece.size(), 0);
    if (received > 0) {
      if (!stream.Write({piece.data(), static_cast<size_t>(received)})) return;
    } else if (received == 0 || (errno != EINTR && (errno != EAGAIN || !WaitForSocket(socket, POLLIN)))) {
      return;
    }
  }
}

// Told once, waited for with patience.
class Told {
 public:
  void Tell() {
    MutexLock lock(mutex_);
    told_ = true;
    changed_.NotifyAll();
  }
  bool WaitFor(std::chrono::milliseconds patience) {
    const auto end = std::chrono::steady_clock::now() + patience;
    MutexLock lock(mutex_);
    while (!told_) {
      const auto left = end - std::chrono::steady_clock::now();
      if (left <= left.zero()) return false;
      changed_.WaitFor(mutex_, left);
    }
    return true;
  }
  bool IsTold() {
    MutexLock lock(mutex_);
    return told_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool told_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace

absl::Status CarryBytes(ByteStream& stream, UniqueFd socket, std::chrono::milliseconds patience,
                        const std::stop_token& stop) {
  // Both pumps notice it: the one that waits for the socket, and the one that waits for the client.
  const auto end_all = [&] {
    shutdown(socket.get(), SHUT_RDWR);
    stream.Cancel();
  };
  const std::stop_callback stopped(stop, end_all);
  Told outgoing_over, incoming_over;
  auto outgoing = StartThread([&] {
    CarryToStream(socket.get(), stream);
    outgoing_over.Tell();
    // Nobody reads what the client sends any more.
    if (!incoming_over.IsTold()) end_all();
  });
  if (!outgoing.ok()) {
    stream.Cancel();
    return outgoing.status();
  }
  CarryToSocket(stream, socket.get());
  const bool ours_first = outgoing_over.IsTold();
  incoming_over.Tell();
  // gRPC reads the end and closes; what it says meanwhile is still carried.
  shutdown(socket.get(), SHUT_WR);
  if (!outgoing_over.WaitFor(patience)) end_all();
  outgoing->join();
  if (stop.stop_requested() || ours_first) return absl::CancelledError("the session was ended");
  return absl::OkStatus();
}

}  // namespace crossmill::coordinator::buildkit
