// How the coordinator talks to registries, from its flags and the docker configuration of its user.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/registry/registry.h"

namespace crossmill::coordinator {

// `plain_http`: --plain-registry's patterns; `mirrors`: --registry-mirror REGISTRY=MIRROR each.
// INVALID_ARGUMENT names the flag.
absl::StatusOr<registry::RegistryOptions> MakeRegistryOptions(const std::vector<std::string>& plain_http,
                                                              const std::vector<std::string>& mirrors);

}  // namespace crossmill::coordinator
