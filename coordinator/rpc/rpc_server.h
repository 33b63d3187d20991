// The coordinator's gRPC server: unix socket and TCP listeners, limits, TLS, health and reflection.
#pragma once

#include <grpcpp/impl/codegen/service_type.h>
#include <grpcpp/server.h>

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

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
};

struct ServedService {
  // Full name, as in the table of authenticator.h.
  std::string_view name;
  // Not owned; outlives the server.
  grpc::Service* service;
};

// Stops when it dies. Thread safe.
class RpcServer {
 public:
  // Listens. FAILED_PRECONDITION for plain text to other hosts or a service without an entry in the table
  // of access rules, INVALID_ARGUMENT for settings that contradict each other, UNAVAILABLE when an
  // address is taken.
  static absl::StatusOr<std::unique_ptr<RpcServer>> Start(const ListenOptions& options,
                                                          absl::Span<const ServedService> services);
  ~RpcServer();

  // The port of tcp_address; 0 without one.
  int tcp_port() const { return tcp_port_; }
  // Calls in this process; they pass the same authenticator and need a token. It dies before the server.
  std::shared_ptr<grpc::Channel> InProcessChannel();
  // Refuses new calls at once and cancels those that are still running after `grace`. Returns when all
  // have ended.
  void Shutdown(absl::Duration grace);

 private:
  RpcServer() = default;
  std::unique_ptr<grpc::Server> server_;
  int tcp_port_ = 0;
};

}  // namespace crossmill::coordinator
