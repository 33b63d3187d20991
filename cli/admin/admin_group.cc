#include "cli/admin/admin_group.h"

#include <CLI/CLI.hpp>

namespace crossmill::cli {

CLI::App& AdminGroup(CLI::App& app) {
  const auto found = app.get_subcommands([](CLI::App* sub) { return sub->get_name() == "admin"; });
  if (!found.empty()) return *found.front();
  CLI::App* group = app.add_subcommand("admin", "Operate a farm");
  group->require_subcommand(1);
  return *group;
}

}  // namespace crossmill::cli
