// crossmill admin init, crossmill admin invite, crossmill admin invitations, crossmill admin worker: from
// nothing to a farm of several machines.
#pragma once

#include "cli/session/session.h"

namespace CLI {
class App;
}

namespace crossmill::cli {

void AddMachineCommands(CLI::App& app, Session& session);

}  // namespace crossmill::cli
