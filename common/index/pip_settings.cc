#include "common/index/pip_settings.h"

#include <nlohmann/json.hpp>

#include "common/base/status.h"

namespace crossmill::index {
namespace {

// pip's own reading of its configuration, as `pip install` sees it: files, then [install], then variables.
// Not with modules of the folder in which the worker was started.
constexpr char kQuestion[] = R"(
import sys
sys.path = [folder for folder in sys.path if folder]
import json
from pip._internal.configuration import Configuration
from pip._internal.models.index import PyPI
configuration = Configuration(isolated=False)
configuration.load()
settings = {}
for section in ("global", "install", ":env:"):
    for key, value in configuration.items():
        if key.startswith(section + "."):
            settings[key[len(section) + 1:]] = value
print(json.dumps({
    "index": settings.get("index-url") or PyPI.simple_url,
    "extra": settings.get("extra-index-url", "").split(),
    "none": settings.get("no-index", "").lower() in ("1", "true", "yes", "on", "t", "y"),
}))
)";

absl::Status Unknown(std::string_view why) {
  return absl::NotFoundError(fmt::format(
      "this machine's pip does not say which package index it uses ({}); name one with --index-url", why));
}

}  // namespace

absl::StatusOr<PipSettings> AskPip(const RunProgram& run) {
  const auto printed = run({"python3", "-c", kQuestion});
  if (!printed.ok()) return Unknown(Sv(printed.status().message()));
  const nlohmann::json answer = nlohmann::json::parse(*printed, nullptr, false);
  if (!answer.is_object() || !answer.contains("index") || !answer["index"].is_string() ||
      !answer.contains("extra") || !answer["extra"].is_array()) {
    return Unknown("its answer cannot be read");
  }
  PipSettings settings;
  if (!answer.value("none", false)) settings.indexes.push_back(answer["index"].get<std::string>());
  for (const nlohmann::json& extra : answer["extra"]) {
    if (extra.is_string()) settings.indexes.push_back(extra.get<std::string>());
  }
  return settings;
}

}  // namespace crossmill::index
