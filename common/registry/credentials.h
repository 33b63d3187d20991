// Credentials as docker, podman and skopeo keep them: configuration files and credential helpers.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/registry/registry_auth.h"

namespace crossmill::registry {

// A variable of the environment; nullopt if it is not set.
using Variables = std::function<std::optional<std::string>(const std::string& name)>;

// The files that are read, first wins, whether they exist or not: $REGISTRY_AUTH_FILE,
// $DOCKER_CONFIG/config.json (else ~/.docker/config.json), $XDG_RUNTIME_DIR/containers/auth.json.
std::vector<std::string> CredentialPaths(const Variables& variables);

// Where docker's helper programs keep Docker Hub's entry.
inline constexpr std::string_view kDockerHubKey = "https://index.docker.io/v1/";

// Runs docker-credential-HELPER with "get" and the registry on its standard input. nullopt if it knows
// nothing of the registry; FAILED_PRECONDITION, naming the helper and never repeating its output, if it
// fails.
absl::StatusOr<std::optional<Credentials>> AskHelper(const std::string& helper, std::string_view registry);

// Thread safe. The files are read anew at each look-up: people log in while the coordinator runs. A file's
// helper for the registry is asked before its `auths`. The environment's variables are read when it is made.
CredentialLookup DockerCredentials(const Variables& variables);

// First what is in `own` (registry and credentials), then what `others` says; that too where the keeper of an
// own one has none.
CredentialLookup WithCredentials(std::vector<std::pair<std::string, Credentials>> own,
                                 CredentialLookup others);

}  // namespace crossmill::registry
