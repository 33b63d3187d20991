#include "coordinator/registry_options.h"

#include <cstdlib>
#include <optional>

#include "common/base/status.h"

namespace crossmill::coordinator {

absl::StatusOr<registry::RegistryOptions> MakeRegistryOptions(const std::vector<std::string>& plain_http,
                                                              const std::vector<std::string>& mirrors) {
  registry::RegistryOptions registry;
  registry.plain_http = plain_http;
  for (const std::string& pair : mirrors) {
    const size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == pair.size()) {
      return absl::InvalidArgumentError(fmt::format("--registry-mirror {}: expected REGISTRY=MIRROR", pair));
    }
    registry.mirrors[pair.substr(0, equals)].push_back(pair.substr(equals + 1));
  }
  registry.credentials =
      registry::DockerCredentials([](const std::string& name) -> std::optional<std::string> {
        const char* value = std::getenv(name.c_str());
        return value == nullptr ? std::nullopt : std::optional<std::string>(value);
      });
  return registry;
}

}  // namespace crossmill::coordinator
