// The door for clients of BuildKit: a socket in the data folder for this machine's operator, and TCP with
// certificates of clients. A gRPC server of its own, which knows callers by their connections.
#pragma once

#include <grpcpp/impl/codegen/service_type.h>
#include <grpcpp/server.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "coordinator/buildkit/door/connection_callers.h"
#include "coordinator/buildkit/door/door_tls.h"
#include "coordinator/buildkit/door/tls_connections.h"
#include "coordinator/rpc/connections/connection_door.h"
#include "coordinator/rpc/connections/open_connections.h"

namespace crossmill::coordinator::buildkit {

struct DoorOptions {
  // Path of the socket, made with mode 0600; empty: none.
  std::string unix_socket;
  // host:port (port 0: any free one); empty: none.
  std::string tcp_address;
  // With a TCP address.
  DoorTlsFiles tls;
  // Over TCP. Each has a thread, two descriptors and some 100 KiB.
  ConnectionLimits connections = {
      .most = 1'024, .most_of_peer = 512, .most_unknown = 128, .most_unknown_of_peer = 64};
  size_t most_local = 256;
  // From the first byte of TLS to that of a certificate, and to the first words of HTTP/2.
  std::chrono::milliseconds handshake_time = std::chrono::seconds(10);
  // Calls on one connection at the same time, and threads of all calls: a build has five.
  int most_streams = 1'000;
  int most_threads = 2'048;
  // Of messages and headers that are being read, in all.
  size_t most_bytes = size_t{1} << 30;
};

// Stops when it dies. Thread safe.
class BuildKitDoor {
 public:
  // Listens. The services know their callers by `callers`, and like it outlive the door. FAILED_PRECONDITION,
  // INVALID_ARGUMENT: settings; UNAVAILABLE: an address is taken.
  static absl::StatusOr<std::unique_ptr<BuildKitDoor>> Start(const DoorOptions& options,
                                                             ConnectionCallers& callers,
                                                             absl::Span<grpc::Service* const> services);
  ~BuildKitDoor();

  // The port of tcp_address; 0 without one.
  int tcp_port() const { return tcp_port_; }
  // Connections over TCP that there are.
  size_t connections() { return tls_connections_ ? tls_connections_->size() : 0; }
  // Certificates and authorities as they are in the files now; after an error those before.
  absl::Status ReloadCertificates();
  // Refuses new calls at once, cancels those that still run after `grace`, and returns when all have ended.
  void Shutdown(absl::Duration grace);

 private:
  BuildKitDoor() = default;
  absl::Status Listen(const DoorOptions& options, ConnectionCallers& callers);

  std::unique_ptr<DoorTls> tls_;
  std::unique_ptr<OpenConnections> open_;
  std::unique_ptr<TlsConnections> tls_connections_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<ConnectionDoor> sockets_;
  int tcp_port_ = 0;
};

}  // namespace crossmill::coordinator::buildkit
