// Credentials of a BuildKit client for the registry that its image is pushed to.
#pragma once

#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "coordinator/buildkit/session/client_session.h"
#include "coordinator/images/image_source.h"

namespace crossmill::coordinator::buildkit {

// What the client has for the registry ("docker.io", "registry.example:5000"): one, or none where it says so
// or serves no credentials. `session` may be null. Errors are the client's, and name the registry.
absl::StatusOr<ClientCredentials> PushCredentials(ClientSession* session, const std::string& registry,
                                                  const std::stop_token& stop);

}  // namespace crossmill::coordinator::buildkit
