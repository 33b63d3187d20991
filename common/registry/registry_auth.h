// Who we are to a registry: docker's credentials file and the challenges of WWW-Authenticate.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace crossmill::registry {

class CredentialKeeper;

struct Credentials {
  std::string user;
  std::string password;
  // Instead of a password: an OAuth refresh token ("identitytoken").
  std::string identity_token;
  // Instead of all of them: who has them and is asked when they are needed. May be null.
  std::shared_ptr<CredentialKeeper> keeper = {};
};

// What a Bearer challenge asks for.
struct TokenQuestion {
  std::string realm;
  std::string service;
  std::vector<std::string> scopes;
};

// Has credentials that do not come here: a person's program on another machine, which fetches tokens itself.
// Thread safe.
class CredentialKeeper {
 public:
  virtual ~CredentialKeeper() = default;
  // A token for the challenge of its registry; empty: an anonymous one will do. UNIMPLEMENTED: it fetches
  // none, so that Give is asked.
  virtual absl::StatusOr<std::string> FetchToken(const TokenQuestion& question,
                                                 const std::stop_token& stop) = 0;
  // The credentials themselves, for registries without tokens; nullopt: it has none.
  virtual absl::StatusOr<std::optional<Credentials>> Give(const std::stop_token& stop) = 0;
};

// What we have for a registry (host[:port]); nullopt: go there anonymously. An error is one of a credential
// helper and says which. Thread safe.
using CredentialLookup = std::function<absl::StatusOr<std::optional<Credentials>>(std::string_view registry)>;

// The `auths`, `credsStore` and `credHelpers` of docker's config.json (and of podman's auth.json) by registry
// host ("docker.io" for all its spellings). A value; asks no helpers itself (common/registry/credentials.h
// does).
class CredentialFile {
 public:
  CredentialFile() = default;
  // INVALID_ARGUMENT says what is wrong with the file; it never repeats its content.
  static absl::StatusOr<CredentialFile> Parse(std::string_view config_json);
  // From `auths`; nullopt: nothing there.
  std::optional<Credentials> Find(std::string_view registry) const;
  // The helper asked for this registry ("ecr-login" for docker-credential-ecr-login); empty: none.
  std::string HelperFor(std::string_view registry) const;
  // As a CredentialLookup.
  absl::StatusOr<std::optional<Credentials>> operator()(std::string_view registry) const {
    return Find(registry);
  }

 private:
  std::map<std::string, Credentials> by_registry_;
  std::map<std::string, std::string> helpers_;
  std::string store_;
};

// Host of a config's key: a host or, from old times, a URL; "docker.io" for all its spellings.
std::string RegistryOfKey(std::string_view key);

struct Challenge {
  // Lower case: "bearer", "basic".
  std::string scheme;
  // Lower-case names: realm, service, scope.
  std::map<std::string, std::string> parameters;
};

// The first challenge of a WWW-Authenticate header that is Bearer or Basic; nullopt if there is none.
std::optional<Challenge> ParseChallenge(std::string_view header);

// "Basic ..." for an Authorization header.
std::string BasicAuthorization(const Credentials& credentials);

}  // namespace crossmill::registry
