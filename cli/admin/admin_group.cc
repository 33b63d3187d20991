#include "cli/admin/admin_group.h"

#include <CLI/CLI.hpp>

#include "cli/session/session.h"

namespace crossmill::cli {

CLI::App& AdminGroup(CLI::App& app) {
  const auto found = app.get_subcommands([](CLI::App* sub) { return sub->get_name() == "admin"; });
  if (!found.empty()) return *found.front();
  CLI::App* group = app.add_subcommand("admin", "Operate a farm");
  group->require_subcommand(1);
  return *group;
}

void AddAdminJson(CLI::App& command, Session& session) {
  command.add_flag("--json", session.json, "Print the result as JSON (docs/cli.md)");
}

}  // namespace crossmill::cli
