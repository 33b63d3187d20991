// Where the coordinator's settings come from, and which of them have effect while it runs.
#pragma once

#include <string_view>

#include "common/settings/command_settings.h"

namespace crossmill::coordinator {

settings::SettingSources SettingSourcesOfCoordinator();

// At SIGHUP; the others when it is started again. Contents of certificates, keys and the token file are read
// again whatever their settings are.
bool ChangesAtRunTime(std::string_view name);

}  // namespace crossmill::coordinator
