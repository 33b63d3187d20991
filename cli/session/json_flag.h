// --json, on commands whose result has a document.
#pragma once

#include "cli/session/session.h"

namespace CLI {
class App;
}

namespace crossmill::cli {

void AddJsonFlag(CLI::App& command, Session& session);

}  // namespace crossmill::cli
