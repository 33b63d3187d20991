#include "cli/admin/machine_commands.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "cli/admin/admin_group.h"
#include "cli/admin/render_machines.h"
#include "cli/session/json_flag.h"
#include "cli/show/exit_codes.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/words/age.h"

namespace crossmill::cli {
namespace {

using MachinesStub = v1::Machines::StubInterface;

// ---- init ----

struct InitFlags {
  std::string listen, settings, token_file;
  std::vector<std::string> names;
};

// What the coordinator's program answers.
absl::StatusOr<Json> RunInit(Session& session, const InitFlags& flags) {
  const std::string program = session.env.ProgramFolder() + "/crossmill-coordinator";
  ProcessOptions options;
  options.argv = {program};
  if (!session.data.empty()) options.argv.insert(options.argv.end(), {"--data", session.DataFolder()});
  options.argv.insert(options.argv.end(), {"init", flags.listen});
  for (const std::string& name : flags.names) options.argv.insert(options.argv.end(), {"--also", name});
  if (!flags.settings.empty()) options.argv.insert(options.argv.end(), {"--settings", flags.settings});
  if (!flags.token_file.empty())
    options.argv.insert(options.argv.end(), {"--admin-token-file", flags.token_file});
  const absl::StatusOr<ProcessResult> result = session.env.RunProgram(options);
  if (!result.ok())
    return WithHint(result.status(),
                    "crossmill-coordinator has to be beside this program, of the same version");
  if (result->exit_code == 0) return ParseJson(result->stdout_text);
  constexpr std::string_view kOwnName = "crossmill-coordinator: ";
  std::string_view said = Trim(result->stderr_text);
  if (said.starts_with(kOwnName)) said.remove_prefix(kOwnName.size());
  return result->exit_code == 2 ? absl::InvalidArgumentError(absl::string_view(said.data(), said.size()))
                                : absl::FailedPreconditionError(absl::string_view(said.data(), said.size()));
}

absl::StatusOr<int> Init(Session& session, const InitFlags& flags) {
  ASSIGN_OR_RETURN(const Json json, RunInit(session, flags));
  RETURN_IF_ERROR(session.json ? session.PrintJson(json) : session.Print(RenderFounded(json)));
  return kExitOk;
}

void AddInit(CLI::App& admin, Session& session) {
  const auto flags = std::make_shared<InitFlags>();
  CLI::App* init = admin.add_subcommand(
      "init", "Make a farm that other machines can join, on the coordinator's machine (the folder: --data)");
  init->add_option("--listen", flags->listen, "HOST:PORT that the others reach the coordinator under")
      ->required();
  init->add_option("--also", flags->names, "Further name or address of this machine (repeatable)")
      ->expected(1)
      ->take_all();
  init->add_option(
      "--settings", flags->settings,
      "Settings file [/etc/crossmill/coordinator.toml where it is root's, else DATA/coordinator.toml]");
  init->add_option("--admin-token-file", flags->token_file,
                   "Where the first token goes, for its owner only [it is printed]");
  AddJsonFlag(*init, session);
  init->callback(
      [&session, flags] { session.command = [&session, flags] { return Init(session, *flags); }; });
}

// ---- invitations ----

absl::StatusOr<int> PrintInvitations(Session& session, const InvitationList& invitations) {
  const int64_t now = UnixNanos(session.env.clock().Now());
  RETURN_IF_ERROR(session.json ? session.PrintJson(InvitationsJson(invitations))
                               : session.Print(RenderInvitations(invitations, now, session.OutText())));
  return kExitOk;
}

struct InviteFlags {
  std::string pool, name, valid = "1h", address;
};

// Where the other machine finds the coordinator: as `init` was told, or as this one does.
absl::StatusOr<std::string> AddressFor(Session& session, const InviteFlags& flags, const std::string& told) {
  if (!flags.address.empty()) return flags.address;
  if (!told.empty()) return told;
  const std::string here = session.Address();
  if (!here.starts_with("unix:")) return here;
  return WithHint(
      absl::FailedPreconditionError("nobody has said under which address others reach the coordinator"),
      "--address HOST:PORT says it");
}

absl::StatusOr<int> Invite(Session& session, const InviteFlags& flags) {
  v1::CreateInvitationRequest request;
  request.set_pool(flags.pool);
  request.set_name(flags.name);
  const auto valid = ParseAge(flags.valid);
  if (!valid.ok()) return Annotate(valid.status(), "--valid");
  if (*valid <= absl::ZeroDuration()) return absl::InvalidArgumentError("--valid: it would be over already");
  request.set_valid_for(absl::ToInt64Nanoseconds(*valid));
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  ASSIGN_OR_RETURN(const v1::CreateInvitationResponse made,
                   session.Call(*farm->machines, &MachinesStub::CreateInvitation, request));
  ASSIGN_OR_RETURN(const std::string address, AddressFor(session, flags, made.address()));
  const std::string line = fmt::format("crossmill-worker join {} --invitation {}", address, made.secret());
  if (session.json) {
    InvitationList one;
    *one.Add() = made.invitation();
    Json json = InvitationsJson(one)[0];
    json["address"] = address;
    json["invitation"] = made.secret();
    json["command"] = line;
    RETURN_IF_ERROR(session.PrintJson(json));
    return kExitOk;
  }
  session.Tell(fmt::format("invitation {}, good once and for {}: paste this line on the other machine\n",
                           made.id(), flags.valid));
  RETURN_IF_ERROR(session.Print(line + "\n"));
  return kExitOk;
}

absl::StatusOr<int> ListInvitations(Session& session, bool all) {
  v1::ListInvitationsRequest request;
  request.set_all(all);
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  ASSIGN_OR_RETURN(const v1::ListInvitationsResponse response,
                   session.Call(*farm->machines, &MachinesStub::ListInvitations, request));
  return PrintInvitations(session, response.invitations());
}

absl::StatusOr<int> RevokeInvitation(Session& session, int64_t id) {
  v1::RevokeInvitationRequest request;
  request.set_id(id);
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  ASSIGN_OR_RETURN(const v1::RevokeInvitationResponse response,
                   session.Call(*farm->machines, &MachinesStub::RevokeInvitation, request));
  InvitationList one;
  *one.Add() = response.invitation();
  return PrintInvitations(session, one);
}

void AddInvitations(CLI::App& admin, Session& session) {
  const auto flags = std::make_shared<InviteFlags>();
  CLI::App* invite = admin.add_subcommand("invite", "Let another machine into the farm");
  invite->require_subcommand(1);
  CLI::App* worker =
      invite->add_subcommand("worker", "Print the one line that makes another machine a worker");
  worker->add_option("--pool", flags->pool, "Of which pool it will be [none]");
  worker->add_option("--name", flags->name,
                     "The only name that it can have [its host name, where that is free]");
  worker->add_option("--valid", flags->valid, "For how long it can be used, once: 10m, 1d")
      ->capture_default_str();
  worker->add_option("--address", flags->address,
                     "HOST:PORT under which it reaches the coordinator [as `admin init` was told]");
  AddJsonFlag(*worker, session);
  worker->callback(
      [&session, flags] { session.command = [&session, flags] { return Invite(session, *flags); }; });
  CLI::App* invitations = admin.add_subcommand("invitations", "Who was invited");
  invitations->require_subcommand(1);
  const auto all = std::make_shared<bool>(false);
  CLI::App* list = invitations->add_subcommand("ls", "List the invitations that are good");
  list->add_flag("-a,--all", *all, "Also those that are used, revoked or expired");
  AddJsonFlag(*list, session);
  list->callback(
      [&session, all] { session.command = [&session, all] { return ListInvitations(session, *all); }; });
  const auto id = std::make_shared<int64_t>(0);
  CLI::App* revoke = invitations->add_subcommand("revoke", "Let an invitation be worth nothing");
  revoke->add_option("invitation", *id, "Its number")->required();
  AddJsonFlag(*revoke, session);
  revoke->callback(
      [&session, id] { session.command = [&session, id] { return RevokeInvitation(session, *id); }; });
}

// ---- workers that joined ----

absl::StatusOr<int> PrintMachines(Session& session, const MachineList& machines) {
  const int64_t now = UnixNanos(session.env.clock().Now());
  RETURN_IF_ERROR(session.json ? session.PrintJson(MachinesJson(machines))
                               : session.Print(RenderMachines(machines, now, session.OutText())));
  return kExitOk;
}

absl::StatusOr<int> ListMachines(Session& session, bool all) {
  v1::ListMachinesRequest request;
  request.set_all(all);
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  ASSIGN_OR_RETURN(const v1::ListMachinesResponse response,
                   session.Call(*farm->machines, &MachinesStub::ListMachines, request));
  return PrintMachines(session, response.machines());
}

absl::StatusOr<int> RemoveMachine(Session& session, const std::string& name) {
  v1::RemoveMachineRequest request;
  request.set_name(name);
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  ASSIGN_OR_RETURN(const v1::RemoveMachineResponse response,
                   session.Call(*farm->machines, &MachinesStub::RemoveMachine, request));
  MachineList one;
  *one.Add() = response.machine();
  return PrintMachines(session, one);
}

void AddMachines(CLI::App& admin, Session& session) {
  CLI::App* worker = admin.add_subcommand("worker", "Workers that joined by an invitation");
  worker->require_subcommand(1);
  const auto all = std::make_shared<bool>(false);
  CLI::App* list = worker->add_subcommand("ls", "List them, and until when their certificates are good");
  list->add_flag("-a,--all", *all, "Also those that were removed or whose certificate expired");
  AddJsonFlag(*list, session);
  list->callback(
      [&session, all] { session.command = [&session, all] { return ListMachines(session, *all); }; });
  const auto name = std::make_shared<std::string>();
  CLI::App* remove = worker->add_subcommand(
      "remove", "Let the certificates of a worker be worth nothing; its connection ends within seconds");
  remove->add_option("worker", *name, "Its name")->required();
  AddJsonFlag(*remove, session);
  remove->callback(
      [&session, name] { session.command = [&session, name] { return RemoveMachine(session, *name); }; });
}

}  // namespace

void AddMachineCommands(CLI::App& app, Session& session) {
  CLI::App& admin = AdminGroup(app);
  AddInit(admin, session);
  AddInvitations(admin, session);
  AddMachines(admin, session);
}

}  // namespace crossmill::cli
