// crossmill doctor: is this machine fit, is the farm there.
#include <pwd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "cli/commands/commands.h"
#include "cli/commands/doctor_checks.h"
#include "cli/show/exit_codes.h"
#include "common/words/platform.h"

namespace crossmill::cli {
namespace {

std::string WorkerUser(bool as_root) {
  if (as_root) return "crossmill";
  const passwd* account = getpwuid(getuid());
  return account == nullptr ? std::to_string(getuid()) : account->pw_name;
}

Check CheckWorkers(Session& session, Farm& farm) {
  const auto response =
      session.Call(*farm.farm, &v1::Farm::StubInterface::ListWorkers, v1::ListWorkersRequest());
  if (!response.ok()) return {CheckLevel::kFail, "workers", std::string(Sv(response.status().message())), ""};
  int connected = 0;
  std::map<std::string, int> platforms;
  for (const v1::WorkerView& worker : response->workers()) {
    if (!worker.connected()) continue;
    ++connected;
    for (const v1::PlatformSupport& support : worker.info().platforms()) {
      ++platforms[FormatPlatform(support.platform()) + (support.emulated() ? " (emulated)" : "")];
    }
  }
  if (connected == 0) return {CheckLevel::kFail, "workers", "none is connected", "crossmill up --workers 2"};
  std::string detail = fmt::format("{} connected", connected);
  for (const auto& [platform, count] : platforms) detail += fmt::format(", {} × {}", count, platform);
  return {CheckLevel::kOk, "workers", detail, ""};
}

absl::StatusOr<int> Doctor(Session& session) {
  const bool as_root = session.env.IsRoot();
  std::vector<Check> checks =
      CheckMachine(WorkerUser(as_root), as_root, session.DataFolder(), session.env.VariableOr("PATH"));
  const auto farm = session.Connect();
  const auto version =
      farm.ok() ? session.Call(*(*farm)->farm, &v1::Farm::StubInterface::GetVersion, v1::GetVersionRequest())
                : absl::StatusOr<v1::GetVersionResponse>(farm.status());
  if (!version.ok()) {
    checks.push_back({CheckLevel::kFail, "coordinator", std::string(Sv(version.status().message())),
                      HintOf(version.status())});
  } else {
    Check check{CheckLevel::kOk, "coordinator",
                fmt::format("{} at {}", version->version(), session.Address()), ""};
    if (version->version() != CROSSMILL_VERSION) {
      check.level = CheckLevel::kWarn;
      check.fix = fmt::format("this program is {}: use the same version", CROSSMILL_VERSION);
    }
    checks.push_back(check);
    checks.push_back(CheckWorkers(session, **farm));
  }
  RETURN_IF_ERROR(session.Print(RenderChecks(checks, session.OutText())));
  return AnyFailed(checks) ? kExitInfrastructure : kExitOk;
}

}  // namespace

void AddDoctorCommand(CLI::App& app, Session& session) {
  CLI::App* command =
      app.add_subcommand("doctor", "Check this machine and the farm; say how to fix what is wrong");
  command->callback([&session] { session.command = [&session] { return Doctor(session); }; });
}

}  // namespace crossmill::cli
