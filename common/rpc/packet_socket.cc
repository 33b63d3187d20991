#include "common/rpc/packet_socket.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

#include "common/base/status.h"

namespace crossmill::rpc {
namespace {

// The address of an abstract name: a zero byte, then the name.
absl::StatusOr<std::pair<sockaddr_un, socklen_t>> AddressOf(std::string_view name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.empty() || name.size() + 1 > sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(fmt::format("\"{}\" is no name for a socket", name));
  }
  name.copy(address.sun_path + 1, name.size());
  return std::make_pair(address, static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size()));
}

absl::Status Gone() { return absl::UnavailableError("the other side of the local socket has gone"); }

absl::Status SocketStatus(int error) {
  if (error == EAGAIN || error == EWOULDBLOCK) {
    return absl::DeadlineExceededError("the other side of the local socket does nothing");
  }
  return error == EPIPE || error == ECONNRESET ? Gone() : ErrnoStatus(error, "local socket");
}

}  // namespace

absl::StatusOr<PacketSocket> PacketSocket::Connect(std::string_view name) {
  ASSIGN_OR_RETURN(const auto address, AddressOf(name));
  UniqueFd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return ErrnoStatus(errno, "local socket");
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address.first), address.second) != 0) {
    return absl::UnavailableError(fmt::format("local socket: {}", strerror(errno)));
  }
  return PacketSocket(std::move(fd));
}

absl::Status PacketSocket::SetTimeout(absl::Duration timeout) {
  const timeval limit = absl::ToTimeval(timeout);
  for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO}) {
    if (setsockopt(fd_.get(), SOL_SOCKET, option, &limit, sizeof(limit)) != 0) {
      return ErrnoStatus(errno, "local socket");
    }
  }
  return absl::OkStatus();
}

absl::Status PacketSocket::Send(std::string_view bytes, int file) {
  if (bytes.empty() || bytes.size() > kMostPacketBytes) {
    return absl::InvalidArgumentError(fmt::format("a packet of {} bytes", bytes.size()));
  }
  iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  if (file >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &file, sizeof(int));
  }
  while (sendmsg(fd_.get(), &message, MSG_NOSIGNAL) < 0) {
    if (errno != EINTR) return SocketStatus(errno);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Packet>> PacketSocket::Receive() {
  Packet packet;
  packet.bytes.resize(kMostPacketBytes);
  iovec piece{packet.bytes.data(), packet.bytes.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  ssize_t count = 0;
  int files = 0;
  while ((count = recvmsg(fd_.get(), &message, MSG_CMSG_CLOEXEC)) < 0) {
    if (errno != EINTR) return SocketStatus(errno);
  }
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    // Room for one is room for two, as it is aligned: whatever came is ours to close.
    for (size_t at = 0; CMSG_LEN(at + sizeof(int)) <= header->cmsg_len; at += sizeof(int)) {
      int file = -1;
      memcpy(&file, CMSG_DATA(header) + at, sizeof(int));
      UniqueFd received(file);
      ++files;
      if (files == 1) packet.file = std::move(received);
    }
  }
  // Nobody sends an empty packet, so none is the end.
  if (count == 0) return std::nullopt;
  if (files > 1 || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    return absl::InvalidArgumentError("a packet of the local socket is too long, or has too many files");
  }
  packet.bytes.resize(static_cast<size_t>(count));
  return packet;
}

bool PacketSocket::Ended() const {
  pollfd state{fd_.get(), 0, 0};
  return poll(&state, 1, 0) > 0 && (state.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

void PacketSocket::ShutDown() { shutdown(fd_.get(), SHUT_RDWR); }

absl::StatusOr<PacketListener> PacketListener::Listen(std::string_view name) {
  ASSIGN_OR_RETURN(const auto address, AddressOf(name));
  PacketListener listener;
  listener.fd_ = UniqueFd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!listener.fd_.valid() ||
      bind(listener.fd_.get(), reinterpret_cast<const sockaddr*>(&address.first), address.second) != 0 ||
      listen(listener.fd_.get(), SOMAXCONN) != 0) {
    if (errno == EADDRINUSE) return absl::AlreadyExistsError(fmt::format("local socket {}: in use", name));
    return ErrnoStatus(errno, "local socket");
  }
  return listener;
}

absl::StatusOr<PacketSocket> PacketListener::Accept() {
  while (true) {
    UniqueFd fd(accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (fd.valid()) return PacketSocket(std::move(fd));
    if (errno == EINVAL) return absl::CancelledError("the local socket is closed");
    if (errno != EINTR && errno != ECONNABORTED) return ErrnoStatus(errno, "local socket");
  }
}

void PacketListener::ShutDown() { shutdown(fd_.get(), SHUT_RDWR); }

}  // namespace crossmill::rpc
