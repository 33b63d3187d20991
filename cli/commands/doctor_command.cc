// crossmill doctor: is this machine fit, is the farm there.
#include <pwd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "cli/commands/commands.h"
#include "cli/commands/doctor_checks.h"
#include "cli/doctor/certificate.h"
#include "cli/doctor/farm_checks.h"
#include "cli/local/keeper.h"
#include "cli/session/json_flag.h"
#include "cli/show/exit_codes.h"

namespace crossmill::cli {
namespace {

std::string WorkerUser(bool as_root) {
  if (as_root) return "crossmill";
  const passwd* account = getpwuid(getuid());
  return account == nullptr ? std::to_string(getuid()) : account->pw_name;
}

// So many of the newest builds say what the farm is asked for.
constexpr int kLatestBuilds = 50;

// A question that is not answered is a finding, and does not keep the others from being asked.
Check Unanswered(std::string_view name, const absl::Status& status) {
  return {CheckLevel::kFail, std::string(name), std::string(Sv(status.message())),
          HintOf(status).empty() ? "look at the coordinator's log" : HintOf(status)};
}

void AddFarm(Session& session, Farm& farm, const v1::GetVersionResponse& version,
             std::vector<Check>* checks) {
  const auto append = [checks](const std::vector<Check>& more) {
    checks->insert(checks->end(), more.begin(), more.end());
  };
  const auto status =
      session.Call(*farm.farm, &v1::Farm::StubInterface::GetFarmStatus, v1::GetFarmStatusRequest());
  if (status.ok()) append(CheckFarmStatus(*status));
  if (!status.ok()) checks->push_back(Unanswered("state of the farm", status.status()));
  const auto kept =
      session.Call(*farm.retention, &v1::Retention::StubInterface::ListPolicies, v1::ListPoliciesRequest());
  checks->push_back(kept.ok() ? CheckBackup(absl::FromUnixNanos(kept->last_backup_at()),
                                            absl::Seconds(kept->backup_warn_after_seconds()),
                                            absl::FromUnixNanos(version.now()))
                              : Unanswered("backup", kept.status()));
  const auto listed =
      session.Call(*farm.farm, &v1::Farm::StubInterface::ListWorkers, v1::ListWorkersRequest());
  if (!listed.ok()) return checks->push_back(Unanswered("workers", listed.status()));
  const std::vector<v1::WorkerView> workers(listed->workers().begin(), listed->workers().end());
  append(CheckWorkers(workers, version.version(), absl::FromUnixNanos(version.now())));
  const auto accelerators =
      session.Call(*farm.farm, &v1::Farm::StubInterface::ListAccelerators, v1::ListAcceleratorsRequest());
  // One that is older has no such call.
  std::vector<v1::SwitchedOffAccelerator> off;
  if (accelerators.ok()) off.assign(accelerators->switched_off().begin(), accelerators->switched_off().end());
  append(CheckAccelerators(workers, off));
  v1::ListBuildsRequest latest;
  latest.set_page_size(kLatestBuilds);
  const auto builds = session.Call(*farm.builds, &v1::Builds::StubInterface::ListBuilds, latest);
  if (!builds.ok()) return checks->push_back(Unanswered("builds", builds.status()));
  checks->push_back(CheckPlatforms({builds->builds().begin(), builds->builds().end()}, workers));
}

constexpr absl::Duration kHandshakePatience = absl::Seconds(10);

// Nothing where the connection has no certificate.
void AddCertificate(Session& session, std::vector<Check>* checks) {
  const bool uses_tls = !session.ca_file.empty() || !session.env.VariableOr("CROSSMILL_CA_FILE").empty();
  if (!uses_tls || session.Address().starts_with("unix:")) return;
  checks->push_back(
      CheckCertificate(CertificateEnd(session.Address(), kHandshakePatience), session.env.clock().Now()));
}

void AddCoordinator(Session& session, std::vector<Check>* checks) {
  const auto farm = session.Connect();
  if (!farm.ok()) return checks->push_back(Unanswered("coordinator", farm.status()));
  // The first call connects, which takes its time: the second one measures.
  const auto first =
      session.Call(*(*farm)->farm, &v1::Farm::StubInterface::GetVersion, v1::GetVersionRequest());
  if (!first.ok()) return checks->push_back(Unanswered("coordinator", first.status()));
  checks->push_back(CheckCoordinatorVersion(first->version(), session.Address(), CROSSMILL_VERSION));
  const absl::Time asked = session.env.clock().Now();
  const auto version =
      session.Call(*(*farm)->farm, &v1::Farm::StubInterface::GetVersion, v1::GetVersionRequest());
  const absl::Time answered = session.env.clock().Now();
  if (!version.ok()) return checks->push_back(Unanswered("coordinator", version.status()));
  checks->push_back(CheckCoordinatorClock(asked, absl::FromUnixNanos(version->now()), answered));
  AddFarm(session, **farm, *version, checks);
}

// Nothing to say where nothing died.
void AddRestarts(const std::string& run_folder, std::vector<Check>* checks) {
  for (const Restarts& one : ReadRestarts(run_folder)) {
    checks->push_back({CheckLevel::kWarn, "restarts",
                       fmt::format("{} had died and was started again {} time{}, the last time at {}",
                                   one.name, one.count, one.count == 1 ? "" : "s",
                                   absl::FormatTime(absl::RFC3339_sec, one.last, absl::UTCTimeZone())),
                       fmt::format("{}/{}.log says why", run_folder, one.name)});
  }
}

absl::StatusOr<int> Doctor(Session& session) {
  const bool as_root = session.env.IsRoot();
  std::vector<Check> checks =
      CheckMachine(WorkerUser(as_root), as_root, session.DataFolder(), session.env.VariableOr("PATH"));
  AddCertificate(session, &checks);
  AddCoordinator(session, &checks);
  AddRestarts(session.DataFolder() + "/run", &checks);
  RETURN_IF_ERROR(session.json ? session.PrintJson(ChecksJson(checks))
                               : session.Print(RenderChecks(checks, session.OutText())));
  return AnyFailed(checks) ? kExitInfrastructure : kExitOk;
}

}  // namespace

void AddDoctorCommand(CLI::App& app, Session& session) {
  CLI::App* command =
      app.add_subcommand("doctor", "Check this machine and the farm; say how to fix what is wrong");
  AddJsonFlag(*command, session);
  command->callback([&session] { session.command = [&session] { return Doctor(session); }; });
}

}  // namespace crossmill::cli
