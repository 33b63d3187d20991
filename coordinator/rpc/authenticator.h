// Who may call what (v1.Access). A peer on the unix socket (mode 0600) is this machine's operator and may do
// everything, a peer over TCP what its token says and without one nothing. So a RUN step on the host network,
// which can reach the TCP port but has no token, cannot use the coordinator.
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
#include "crossmill/v1/access.pb.h"

namespace crossmill::coordinator {

// What somebody may be.
struct Roles {
  // ACCESS_READ, ACCESS_SUBMIT, ACCESS_OPERATE, each more than those before it; unspecified: no client.
  v1::Access client = v1::ACCESS_UNSPECIFIED;
  bool worker = false;
  bool at_socket = false;
  // Of the token.
  std::string name;
};

// A token as it is stored: never itself, only its hash.
struct TokenRecord {
  // Hex SHA-256 of the token.
  std::string hash;
  v1::Access client = v1::ACCESS_UNSPECIFIED;
  bool worker = false;
  // For people: who holds it.
  std::string name;
};

// What the method of a service asks of its callers: by the option of the farm's own methods, by a table for
// others. ("crossmill.v1.Builds", "GetBuild".) Nothing where there is no rule.
std::optional<v1::Access> AccessOf(std::string_view service, std::string_view method);
// The methods of a service by its descriptor; none for one that is not known.
std::vector<std::string> MethodsOf(std::string_view service);
// Whether every method has a rule, and there is one: no other service is served (RpcServer refuses to start).
bool HasAccessRules(std::string_view service);

// PERMISSION_DENIED says what is missing.
absl::Status CheckAccess(const Roles& roles, v1::Access needed);

// Thread safe.
class Authenticator {
 public:
  explicit Authenticator(std::vector<TokenRecord> tokens) { SetTokens(std::move(tokens)); }

  // Replaces all tokens; calls that already passed go on.
  void SetTokens(std::vector<TokenRecord> tokens);

  // First line of every method, with what its option says. UNAUTHENTICATED without a known token,
  // PERMISSION_DENIED for one that may not.
  absl::Status Require(const grpc::ServerContextBase& context, v1::Access needed) const;
  // UNAUTHENTICATED without a known token.
  absl::StatusOr<Roles> RolesOf(const grpc::ServerContextBase& context) const;

 private:
  mutable Mutex mutex_;
  std::map<std::string, Roles> tokens_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill::coordinator
