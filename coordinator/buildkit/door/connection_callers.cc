#include "coordinator/buildkit/door/connection_callers.h"

#include <utility>

#include "common/base/status.h"

namespace crossmill::coordinator::buildkit {

void ConnectionCallers::Add(const std::string& peer, ShownCertificate certificate) {
  MutexLock lock(mutex_);
  by_peer_[peer] = std::move(certificate);
}

void ConnectionCallers::Remove(const std::string& peer) {
  MutexLock lock(mutex_);
  by_peer_.erase(peer);
}

absl::StatusOr<CallerIdentity> ConnectionCallers::CallerAt(const std::string& peer) const {
  ShownCertificate shown;
  {
    MutexLock lock(mutex_);
    const auto found = by_peer_.find(peer);
    if (found == by_peer_.end())
      return absl::UnauthenticatedError("this connection has shown no certificate");
    shown = found->second;
  }
  if (shown.not_after <= clock_.Now())
    return absl::UnauthenticatedError("the client's certificate has expired: ask for a new one");
  const auto roles = shown.token_hash.empty() ? authenticator_.RolesOfName(shown.common_name)
                                              : authenticator_.RolesOfHash(shown.token_hash);
  if (absl::IsUnauthenticated(roles.status()) && !shown.token_hash.empty()) {
    return absl::UnauthenticatedError(
        "the token that this client's certificate was issued to is revoked or expired: ask for a new "
        "certificate "
        "with a token that is good");
  }
  RETURN_IF_ERROR(roles.status());
  return CallerIdentity{.roles = *roles, .key = "token " + roles->hash};
}

absl::StatusOr<CallerIdentity> ConnectionCallers::Admit(const grpc::ServerContextBase& context,
                                                        v1::Access needed) const {
  const std::string peer = context.peer();
  // The socket in the file system, which nobody but its owner and root can connect to. Connections over TLS
  // have abstract names.
  if (peer.starts_with("unix:")) {
    return CallerIdentity{.roles = {.client = v1::ACCESS_ADMIN, .worker = true, .at_socket = true},
                          .key = "socket"};
  }
  ASSIGN_OR_RETURN(CallerIdentity caller, CallerAt(peer));
  RETURN_IF_ERROR(CheckAccess(caller.roles, needed));
  return caller;
}

}  // namespace crossmill::coordinator::buildkit
