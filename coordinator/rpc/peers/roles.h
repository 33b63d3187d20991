// Who calls, and what they may.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "coordinator/core/standing/author.h"
#include "crossmill/v1/access.pb.h"

namespace crossmill::coordinator {

// Every call has one.
struct Roles {
  // ACCESS_READ, ACCESS_SUBMIT, ACCESS_OPERATE, ACCESS_ADMIN, each more than those before it; unspecified: no
  // client.
  v1::Access client = v1::ACCESS_UNSPECIFIED;
  bool worker = false;
  bool at_socket = false;
  // Of the token.
  std::string name = {};
  // Which workers its holder may be (peers/worker_names.h); at the socket, any.
  std::vector<std::string> worker_names = {};
  // Whose the builds are that it submits, and that it sees unless it operates (peers/ownership.h, ScopeOf).
  std::string project = std::string(core::kDefaultProject);
  // Repositories that it may push to, with stars; nothing: all that its registry lets it.
  std::optional<std::vector<std::string>> pushes = {};
  // What Authenticator::Knows is asked with: hex SHA-256 of the token, or the certificate's after
  // kCertificateMark; empty at the socket.
  std::string hash = {};
  // Of a worker that came with a certificate: the pool that it is in, and no other.
  std::optional<std::string> pool = {};
  // By a token that this process lent itself (Authenticator::Lend).
  bool lent = false;

  // May change what is of others: operators and admins, and whoever is at the socket.
  bool Operates() const { return at_socket || client >= v1::ACCESS_OPERATE; }
};

}  // namespace crossmill::coordinator
