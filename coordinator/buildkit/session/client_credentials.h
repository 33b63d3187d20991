// What a BuildKit client has for registries (moby.filesync.v1.Auth). Where a registry works with tokens, the
// client fetches them: its password stays where it is.
#pragma once

#include <memory>
#include <string>

#include "coordinator/buildkit/session/client_session.h"
#include "coordinator/images/image_source.h"

namespace crossmill::coordinator::buildkit {

// For a registry ("docker.io", "registry.example:5000"), for one call of ImageStore. Asks nothing yet: that
// the registry's challenge does. Nothing where the session is null or serves no credentials. It keeps the
// session; when that ends it has none.
ClientCredentials CredentialsOfClient(std::shared_ptr<ClientSession> session, const std::string& registry);

}  // namespace crossmill::coordinator::buildkit
