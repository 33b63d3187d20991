// crossmill admin backup|restore|check: run beside the coordinator, by its program, on its data folder. The
// folder and its files are those of whoever starts the command: no path ever goes to a coordinator.
#pragma once

#include "cli/session/session.h"

namespace CLI {
class App;
}

namespace crossmill::cli {

void AddBackupCommands(CLI::App& app, Session& session);

}  // namespace crossmill::cli
