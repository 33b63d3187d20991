// Who may call what. Clients and workers are different roles; a peer on the unix socket (mode 0600)
// is this machine's operator and has both, a peer over TCP has what its token says and without one
// nothing. So a RUN step on the host network, which can reach the TCP port but has no token, cannot use
// the coordinator.
#pragma once

#include <grpcpp/server_context.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/mutex.h"

namespace crossmill::coordinator {

enum class Role { kClient, kWorker };

// What a service asks of its callers.
enum class Access { kOpen, kAnyRole, kClient, kWorker };

// A token as it is stored: never itself, only its hash.
struct TokenRecord {
  // Hex SHA-256 of the token.
  std::string hash;
  bool client = false;
  bool worker = false;
  // For people: who holds it.
  std::string name;
};

// The access of a service by its full name ("crossmill.v1.Builds"). Nothing for a service that is not in
// the table: such a service is not served (RpcServer refuses to start with it).
std::optional<Access> AccessOf(std::string_view service);

// Thread safe.
class Authenticator {
 public:
  explicit Authenticator(std::vector<TokenRecord> tokens) { SetTokens(std::move(tokens)); }

  // Replaces all tokens; calls that already passed go on.
  void SetTokens(std::vector<TokenRecord> tokens);

  // First line of every method. UNAUTHENTICATED without a known token, PERMISSION_DENIED for the other role.
  absl::Status RequireRole(const grpc::ServerContextBase& context, Role role) const;
  // For what only this machine's operator may do: the peer is on the unix socket.
  absl::Status RequireOperator(const grpc::ServerContextBase& context) const;
  // For what both roles may do.
  absl::Status RequireAnyRole(const grpc::ServerContextBase& context) const;

 private:
  struct Roles {
    bool client = false;
    bool worker = false;
  };
  absl::StatusOr<Roles> RolesOf(const grpc::ServerContextBase& context) const;

  mutable Mutex mutex_;
  std::map<std::string, Roles> tokens_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill::coordinator
