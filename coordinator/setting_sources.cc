#include "coordinator/setting_sources.h"

#include <algorithm>
#include <string>
#include <utility>

#include "coordinator/limits.h"

namespace crossmill::coordinator {
namespace {

constexpr std::string_view kAtRunTime[] = {
    "log-level",
    "limits.connections",
    "limits.peer-connections",
    "limits.unknown-connections",
    "limits.unknown-peer-connections",
};

}  // namespace

settings::SettingSources SettingSourcesOfCoordinator() {
  settings::NumberTable table{"limit", "limits", {}};
  const Limits usual;
  for (const LimitName& limit : LimitNames()) {
    table.numbers.push_back(
        {std::string(limit.name), std::string(limit.meaning), limit.get(usual), "default"});
  }
  return {"CROSSMILL_COORDINATOR_", "/etc/crossmill/coordinator.toml", std::move(table)};
}

bool ChangesAtRunTime(std::string_view name) {
  return std::find(std::begin(kAtRunTime), std::end(kAtRunTime), name) != std::end(kAtRunTime);
}

}  // namespace crossmill::coordinator
