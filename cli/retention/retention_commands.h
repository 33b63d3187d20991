// crossmill df, gc, prune, pin, unpin, admin policy.
#pragma once

#include "cli/session/session.h"

namespace CLI {
class App;
}

namespace crossmill::cli {

void AddRetentionCommands(CLI::App& app, Session& session);

}  // namespace crossmill::cli
