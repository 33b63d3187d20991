// The coordinator's gRPC server: unix socket and TCP listeners, limits, TLS, health and, where asked for,
// reflection.
#pragma once

#include <grpcpp/impl/codegen/service_type.h>
#include <grpcpp/server.h>
#include <grpcpp/support/server_interceptor.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "coordinator/rpc/connections/connection_door.h"
#include "coordinator/rpc/connections/open_connections.h"
#include "coordinator/rpc/connections/tls_identity.h"

namespace crossmill::coordinator {

struct ListenOptions {
  // Path of the local socket, made with mode 0600; empty: none.
  std::string unix_socket;
  // host:port (port 0: any free one); empty: none. Callers over TCP need a token.
  std::string tcp_address;
  // PEM files; both or neither.
  std::string certificate_file;
  std::string key_file;
  // Allow plain text on an address that other hosts can reach.
  bool insecure = false;
  // Who calls it needs no token, and each of its calls keeps one of the threads below until the caller ends
  // it.
  bool reflection = false;
  // Those over TCP; not owned, outlives the server. Null: one that limits their number only.
  OpenConnections* connections = nullptr;
  // Of the unix socket.
  size_t most_local = 1'000;
  // Calls on one connection at the same time, and threads of those calls that need one.
  int most_streams = 1'000;
  int most_threads = 512;
  // For TLS and the first words of HTTP/2.
  absl::Duration handshake_time = absl::Seconds(10);
};

struct ServedService {
  // Full name, as in the table of authenticator.h.
  std::string_view name;
  // Not owned; outlives the server.
  grpc::Service* service;
};

// Shown every call on its way in and out.
using Interceptors = std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>>;

// Stops when it dies. Thread safe.
class RpcServer {
 public:
  // Listens. FAILED_PRECONDITION for plain text to other hosts or a service without an entry in the table
  // of access rules, INVALID_ARGUMENT for settings that contradict each other, UNAVAILABLE when an
  // address is taken.
  static absl::StatusOr<std::unique_ptr<RpcServer>> Start(const ListenOptions& options,
                                                          absl::Span<const ServedService> services,
                                                          Interceptors interceptors = {});
  ~RpcServer();

  // The port of tcp_address; 0 without one.
  int tcp_port() const { return tcp_port_; }
  // Calls in this process; they pass the same authenticator and need a token. It dies before the server.
  std::shared_ptr<grpc::Channel> InProcessChannel();
  // What the health service says of all services and of the server; no until it is told. Thread safe.
  void SetServing(bool serves);
  // New connections get the certificate that is in the files now; if it cannot be used, the one before it.
  absl::Status ReloadCertificate();
  // Refuses new calls at once and cancels those that are still running after `grace`. Returns when all
  // have ended.
  void Shutdown(absl::Duration grace);

 private:
  RpcServer() = default;
  absl::Status Listen(const ListenOptions& options);

  // Only where the options name none.
  std::unique_ptr<OpenConnections> own_connections_;
  // Null without TLS. Outlives the server.
  std::unique_ptr<TlsIdentity> identity_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<ConnectionDoor> door_;
  std::vector<std::string> services_;
  int tcp_port_ = 0;
};

}  // namespace crossmill::coordinator
