#include "worker/mounts/ssh_relay.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "common/base/log.h"
#include "common/base/status.h"
#include "common/base/threads.h"

namespace crossmill::worker {
namespace {

constexpr size_t kRelayChunk = 16 << 10;
// No ssh client has more at a time; a step that opens without end must not eat the worker's descriptors.
constexpr size_t kConnections = 64;

}  // namespace

absl::StatusOr<bool> SshForwarder::Has(uint64_t lease, const std::string& ssh_id) {
  auto stream = Open(lease, ssh_id);
  absl::Status status = stream.status();
  if (status.ok()) {
    // A refusal shows when reading, and then it is what counts.
    const absl::Status closed = (*stream)->CloseWrite();
    std::array<char, 64> nothing;
    const auto size = (*stream)->Read(nothing.data(), nothing.size());
    status = size.ok() ? closed : size.status();
  }
  if (absl::IsNotFound(status)) return false;
  RETURN_IF_ERROR(status);
  return true;
}

absl::StatusOr<std::unique_ptr<SshRelay>> SshRelay::Create(
    const std::string& path, uint64_t lease, std::string ssh_id, SshForwarder& forwarder,
    std::function<void(const std::string&)> on_problem) {
  std::unique_ptr<SshRelay> relay(new SshRelay(lease, std::move(ssh_id), forwarder, std::move(on_problem)));
  // Through a descriptor of its folder: the name of a socket has at most 107 bytes, a data folder may have
  // more.
  const size_t slash = path.rfind('/');
  ASSIGN_OR_RETURN(const UniqueFd folder, OpenFile(path.substr(0, slash), O_PATH | O_DIRECTORY));
  const std::string name = fmt::format("/proc/self/fd/{}/{}", folder.get(), path.substr(slash + 1));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.size() >= sizeof(address.sun_path)) return absl::InvalidArgumentError(path);
  memcpy(address.sun_path, name.c_str(), name.size() + 1);
  relay->listener_ = UniqueFd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!relay->listener_.valid()) return ErrnoStatus(errno, "socket");
  if (bind(relay->listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      listen(relay->listener_.get(), SOMAXCONN) != 0) {
    return ErrnoStatus(errno, path);
  }
  ASSIGN_OR_RETURN(relay->acceptor_, StartThread([relay = relay.get()] { relay->Accept(); }));
  return relay;
}

SshRelay::~SshRelay() {
  std::list<Connection> connections;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    // Ends accept(2) and what the connections wait for.
    if (listener_.valid()) shutdown(listener_.get(), SHUT_RDWR);
    for (Connection& connection : connections_) {
      shutdown(connection.socket.get(), SHUT_RDWR);
      if (connection.stream != nullptr) connection.stream->Cancel();
    }
  }
  if (acceptor_.joinable()) acceptor_.join();
  {
    MutexLock lock(mutex_);
    connections.swap(connections_);
  }
  connections.clear();
}

void SshRelay::JoinEnded() {
  std::list<Connection> ended;
  MutexLock lock(mutex_);
  ended = TakeEnded(connections_);
}

void SshRelay::Accept() {
  while (true) {
    UniqueFd socket(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    const int error = errno;
    JoinEnded();
    MutexLock lock(mutex_);
    if (stopping_) return;
    if (!socket.valid()) {
      if (error == EINTR || error == ECONNABORTED) continue;
      LogWarning("ssh relay ended: {}", strerror(error));
      return;
    }
    if (connections_.size() >= kConnections) continue;
    Connection& connection = connections_.emplace_back();
    connection.socket = std::move(socket);
    absl::StatusOr<std::jthread> thread = StartThread([this, &connection] { Serve(connection); });
    if (!thread.ok()) {
      on_problem_(std::string(Sv(thread.status().message())));
      connections_.pop_back();
      continue;
    }
    connection.thread = *std::move(thread);
  }
}

void SshRelay::Serve(Connection& connection) {
  const absl::Status status = Exchange(connection);
  MutexLock lock(mutex_);
  // Told before the step sees the end: it may be its own end.
  if (!status.ok() && !stopping_) on_problem_(std::string(Sv(status.message())));
  shutdown(connection.socket.get(), SHUT_RDWR);
  connection.ended = true;
}

absl::Status SshRelay::Exchange(Connection& connection) {
  ASSIGN_OR_RETURN(std::unique_ptr<ForwardStream> opened, forwarder_.Open(lease_, ssh_id_));
  ForwardStream& stream = *opened;
  {
    MutexLock lock(mutex_);
    connection.stream = std::move(opened);
    if (stopping_) return absl::OkStatus();
  }
  const int socket = connection.socket.get();
  ASSIGN_OR_RETURN(const std::jthread outward, StartThread([&stream, socket] {
                     std::array<char, kRelayChunk> buffer;
                     while (true) {
                       const ssize_t size = recv(socket, buffer.data(), buffer.size(), 0);
                       if (size < 0 && errno == EINTR) continue;
                       if (size <= 0) break;
                       if (!stream.Write({buffer.data(), static_cast<size_t>(size)}).ok()) return;
                     }
                     (void)stream.CloseWrite();
                   }));
  std::array<char, kRelayChunk> buffer;
  absl::Status status;
  while (true) {
    const auto size = stream.Read(buffer.data(), buffer.size());
    if (!size.ok()) status = size.status();
    if (!size.ok() || *size == 0) break;
    std::string_view rest(buffer.data(), *size);
    while (!rest.empty()) {
      const ssize_t sent = send(socket, rest.data(), rest.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent < 0) break;
      rest.remove_prefix(static_cast<size_t>(sent));
    }
    if (!rest.empty()) break;
  }
  // The agent ended the conversation, or the step is gone: the other half has nothing to wait for.
  shutdown(socket, SHUT_RD);
  stream.Cancel();
  return status;
}

}  // namespace crossmill::worker
