#include "cli/session/json_flag.h"

#include <CLI/CLI.hpp>

namespace crossmill::cli {

void AddJsonFlag(CLI::App& command, Session& session) {
  command.add_flag("--json", session.json, "Print the result as JSON (docs/cli.md)");
}

}  // namespace crossmill::cli
