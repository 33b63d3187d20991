#include "common/check/known_base.h"

#include <string>

#include "common/base/json.h"

namespace crossmill::check {

std::optional<KnownBase> ReadKnownBase(std::string_view document) {
  const auto json = ParseJson(document);
  if (!json.ok() || !json->is_object()) return std::nullopt;
  KnownBase base;
  const auto config = json->find("config");
  if (config == json->end() || !config->is_object()) return base;
  if (const auto user = config->find("User"); user != config->end() && user->is_string())
    base.user = user->get<std::string>();
  base.has_healthcheck = config->contains("Healthcheck") && !(*config)["Healthcheck"].is_null();
  if (const auto environment = config->find("Env"); environment != config->end() && environment->is_array()) {
    for (const Json& entry : *environment) {
      if (!entry.is_string()) continue;
      const auto text = entry.get<std::string>();
      base.variables.insert(text.substr(0, text.find('=')));
    }
  }
  return base;
}

}  // namespace crossmill::check
