// crossmill admin audit.
#pragma once

#include "cli/session/session.h"

namespace CLI {
class App;
}

namespace crossmill::cli {

void AddAuditCommands(CLI::App& app, Session& session);

}  // namespace crossmill::cli
