// crossmill admin project, crossmill admin token.
#pragma once

#include "cli/session/session.h"

namespace CLI {
class App;
}

namespace crossmill::cli {

void AddPeopleCommands(CLI::App& app, Session& session);

}  // namespace crossmill::cli
