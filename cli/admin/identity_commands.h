// crossmill admin identity: whose identity tokens are exchanged for tokens of the farm.
#pragma once

#include "cli/session/session.h"

namespace CLI {
class App;
}

namespace crossmill::cli {

void AddIdentityCommands(CLI::App& app, Session& session);

}  // namespace crossmill::cli
