// As whom a request acts: by its Authorization field, or by the cookie of a session.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "coordinator/http/exchange.h"
#include "coordinator/http/host_check.h"
#include "coordinator/http/sessions.h"
#include "coordinator/http/wrong_tokens.h"

namespace crossmill::coordinator::door {

// Thread safe. What the services' authenticator says of the credentials comes afterwards and decides.
class AccessCheck {
 public:
  // `own_tokens`: what sessions act with, by their role. The sessions outlive it.
  AccessCheck(Sessions& sessions, OwnTokens own_tokens, HostCheck hosts)
      : sessions_(sessions), own_tokens_(std::move(own_tokens)), hosts_(std::move(hosts)) {}

  // Whom the request means to reach. PERMISSION_DENIED.
  absl::Status CheckHost(const RequestHead& head) const;
  // A token may also be the password of Basic authentication where nothing is changed: readers of feeds know
  // nothing else. The value of `authorization` for the services; empty if there are no credentials.
  // PERMISSION_DENIED: a page of somebody else's wants to change something; RESOURCE_EXHAUSTED: too many
  // wrong tokens; UNAUTHENTICATED: credentials that are none.
  absl::StatusOr<std::string> CredentialsOf(const RequestHead& head, absl::Time now);
  // What the services said of the credentials.
  void Note(const RequestHead& head, const std::string& authorization, const absl::Status& status,
            absl::Time now);

  // The Set-Cookie of a session for "?token=": a link's secret, or a token, which stays what the session acts
  // with. UNAUTHENTICATED: the link was opened before.
  absl::StatusOr<std::string> OpenSession(const RequestHead& head, const std::string& token, absl::Time now);

 private:
  Sessions& sessions_;
  const OwnTokens own_tokens_;
  const HostCheck hosts_;
  WrongTokens wrong_;
};

// Besides its port, since browsers do not keep cookies of ports apart.
std::string SessionCookieName(const RequestHead& head);

}  // namespace crossmill::coordinator::door
