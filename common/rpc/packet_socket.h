// A unix socket that carries packets: bytes, and with each at most one open file. It joins processes of one
// machine that need not copy what they can both read.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/files.h"

namespace crossmill::rpc {

// Bytes of one packet: below what every kernel takes at once.
inline constexpr size_t kMostPacketBytes = 128 << 10;

struct Packet {
  std::string bytes;
  // Invalid: none came with it.
  UniqueFd file;
};

// One end of a connection. Move only. Not thread safe, apart from ShutDown.
class PacketSocket {
 public:
  PacketSocket() = default;
  explicit PacketSocket(UniqueFd fd) : fd_(std::move(fd)) {}
  // By the socket's abstract name. UNAVAILABLE if nobody listens there: also when the caller is in another
  // network namespace, where abstract names are others.
  static absl::StatusOr<PacketSocket> Connect(std::string_view name);

  bool valid() const { return fd_.valid(); }
  // How long Send and Receive may wait; then DEADLINE_EXCEEDED.
  absl::Status SetTimeout(absl::Duration timeout);
  // `bytes` is not empty: an empty packet looks like the end. `file` -1: none. Blocks while the other side
  // does not read. UNAVAILABLE when it has gone.
  absl::Status Send(std::string_view bytes, int file = -1);
  // The next packet, or nothing at the end of the connection. INVALID_ARGUMENT for one that is too long or
  // comes with several files.
  absl::StatusOr<std::optional<Packet>> Receive();
  // The other side has closed the connection, or this one has been shut down. Does not wait; what came before
  // may still be there to receive.
  bool Ended() const;
  // Ends what Send and Receive of another thread wait for; the socket stays open.
  void ShutDown();

 private:
  UniqueFd fd_;
};

class PacketListener {
 public:
  PacketListener() = default;
  // ALREADY_EXISTS if somebody listens on the name.
  static absl::StatusOr<PacketListener> Listen(std::string_view name);
  // Waits for a connection. CANCELLED after ShutDown.
  absl::StatusOr<PacketSocket> Accept();
  void ShutDown();

 private:
  UniqueFd fd_;
};

}  // namespace crossmill::rpc
