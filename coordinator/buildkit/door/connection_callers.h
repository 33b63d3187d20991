// Whose the connections at the door are. A client of BuildKit has no place for a token: it is known by its
// connection, so each has a name that nobody can guess or have twice, which gRPC says of its calls.
#pragma once

#include <grpcpp/server_context.h>

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "coordinator/buildkit/door/caller_identity.h"
#include "coordinator/rpc/authenticator.h"

namespace crossmill::coordinator::buildkit {

// What a client's certificate says, after it was checked who signed it and that the client has its key.
struct ShownCertificate {
  // Of the farm's own authority: the hex SHA-256 of the token that it was issued to. Else empty.
  std::string token_hash;
  // Of --buildkit-client-ca: the name of a token.
  std::string common_name;
  absl::Time not_after = absl::InfiniteFuture();
};

// Thread safe. The references outlive it.
class ConnectionCallers {
 public:
  ConnectionCallers(const Authenticator& authenticator, Clock& clock)
      : authenticator_(authenticator), clock_(clock) {}

  // Before the connection is gRPC's, and after it is closed.
  void Add(const std::string& peer, ShownCertificate certificate);
  void Remove(const std::string& peer);

  // First line of every method: who calls, and that they may; asked anew at each call. UNAUTHENTICATED: the
  // certificate or its token is not good any more; PERMISSION_DENIED.
  absl::StatusOr<CallerIdentity> Admit(const grpc::ServerContextBase& context, v1::Access needed) const;
  // The same by a name that Add was given, of a connection without a call.
  absl::StatusOr<CallerIdentity> CallerAt(const std::string& peer) const;

 private:
  const Authenticator& authenticator_;
  Clock& clock_;
  mutable Mutex mutex_;
  std::map<std::string, ShownCertificate> by_peer_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill::coordinator::buildkit
