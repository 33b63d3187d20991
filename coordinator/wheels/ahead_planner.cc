#include "coordinator/wheels/ahead_planner.h"

#include <algorithm>

#include "common/predict/commands/install_commands.h"
#include "coordinator/wheels/wheel_command.h"

namespace crossmill::coordinator {
namespace {

// Values and connections of a client stay with the step that they are for.
bool NeedsClient(const v1::Run& run) {
  return std::any_of(run.mounts().begin(), run.mounts().end(), [](const v1::RunMount& mount) {
    return mount.type() == v1::RunMount::TYPE_SECRET || mount.type() == v1::RunMount::TYPE_SSH;
  });
}

bool MayMention(const v1::Run& run) {
  const auto mentions = [](std::string_view text) {
    return text.find("pip") != std::string_view::npos || text.find("uv") != std::string_view::npos ||
           text.find("poetry") != std::string_view::npos || text.find("pdm") != std::string_view::npos;
  };
  return std::any_of(run.argv().begin(), run.argv().end(), mentions) ||
         std::any_of(run.files().begin(), run.files().end(),
                     [&](const v1::InlineFile& file) { return mentions(file.content()); });
}

}  // namespace

bool MayCompile(const v1::Step& step) {
  if (!step.has_run()) return false;
  const v1::Run& run = step.run();
  if (run.network() == v1::NETWORK_MODE_NONE || run.network() == v1::NETWORK_MODE_HOST) return false;
  if (!MayMention(run) || NeedsClient(run)) return false;
  if (!BuildVariableIn({run.env().begin(), run.env().end()}).empty()) return false;
  const predict::InstallCommands commands = predict::ReadInstallCommands(run);
  return std::any_of(commands.installs.begin(), commands.installs.end(),
                     [](const predict::Install& install) { return !install.conditional; });
}

void MarkCompiling(v1::BuildPlan* plan) {
  for (v1::StagePlan& stage : *plan->mutable_stages()) {
    for (v1::Step& step : *stage.mutable_steps()) step.set_may_compile(MayCompile(step));
  }
}

}  // namespace crossmill::coordinator
