// Who we are to a registry: docker's credentials file and the challenges of WWW-Authenticate.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace crossmill::oci {

struct Credentials {
  std::string user;
  std::string password;
  // Instead of a password: an OAuth refresh token ("identitytoken").
  std::string identity_token;
};

// The `auths` of docker's config.json by registry host ("docker.io" for all its spellings). Credential
// helpers are not asked.
class CredentialFile {
 public:
  CredentialFile() = default;
  // INVALID_ARGUMENT says what is wrong with the file; it never repeats its content.
  static absl::StatusOr<CredentialFile> Parse(std::string_view config_json);
  // nullopt: log in anonymously.
  std::optional<Credentials> Find(std::string_view registry) const;

 private:
  std::map<std::string, Credentials> by_registry_;
};

// $DOCKER_CONFIG/config.json, else ~/.docker/config.json; empty text if there is none.
absl::StatusOr<std::string> ReadDockerConfig();

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

}  // namespace crossmill::oci
