// crossmill admin accelerators ls|allow: sets that a comparison switched off for the farm.
#pragma once

#include "cli/session/session.h"

namespace CLI {
class App;
}

namespace crossmill::cli {

void AddAcceleratorCommands(CLI::App& app, Session& session);

}  // namespace crossmill::cli
