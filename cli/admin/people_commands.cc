#include "cli/admin/people_commands.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "cli/admin/admin_group.h"
#include "cli/admin/render_people.h"
#include "cli/session/json_flag.h"
#include "cli/show/exit_codes.h"
#include "common/base/status.h"
#include "common/words/age.h"
#include "common/words/words.h"

namespace crossmill::cli {
namespace {

using Stub = v1::People::StubInterface;

absl::StatusOr<int> PrintProjects(Session& session, const ProjectList& projects) {
  RETURN_IF_ERROR(session.json ? session.PrintJson(ProjectsJson(projects))
                               : session.Print(RenderProjects(projects, session.OutText())));
  return kExitOk;
}

absl::StatusOr<int> PrintTokens(Session& session, const TokenList& tokens) {
  const int64_t now = UnixNanos(session.env.clock().Now());
  RETURN_IF_ERROR(session.json ? session.PrintJson(TokensJson(tokens))
                               : session.Print(RenderTokens(tokens, now, session.OutText())));
  return kExitOk;
}

// ---- projects ----

absl::StatusOr<int> ListProjects(Session& session) {
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  ASSIGN_OR_RETURN(const v1::ListProjectsResponse response,
                   session.Call(*farm->people, &Stub::ListProjects, v1::ListProjectsRequest()));
  return PrintProjects(session, response.projects());
}

absl::StatusOr<int> SetProject(Session& session, const std::string& name,
                               const std::vector<std::string>& settings) {
  v1::SetProjectRequest request;
  request.set_name(name);
  for (const std::string& setting : settings) request.add_settings(setting);
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  ASSIGN_OR_RETURN(const v1::SetProjectResponse response,
                   session.Call(*farm->people, &Stub::SetProject, request));
  ProjectList projects;
  *projects.Add() = response.project();
  return PrintProjects(session, projects);
}

absl::StatusOr<int> CreateProject(Session& session, const std::string& name,
                                  const std::vector<std::string>& settings) {
  v1::CreateProjectRequest request;
  request.set_name(name);
  for (const std::string& setting : settings) request.add_settings(setting);
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  ASSIGN_OR_RETURN(const v1::CreateProjectResponse response,
                   session.Call(*farm->people, &Stub::CreateProject, request));
  ProjectList projects;
  *projects.Add() = response.project();
  return PrintProjects(session, projects);
}

absl::StatusOr<int> RemoveProject(Session& session, const std::string& name) {
  v1::RemoveProjectRequest request;
  request.set_name(name);
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  RETURN_IF_ERROR(session.Call(*farm->people, &Stub::RemoveProject, request).status());
  RETURN_IF_ERROR(session.Print(fmt::format("project {} is removed\n", name)));
  return kExitOk;
}

void AddProjectCommands(CLI::App& admin, Session& session) {
  CLI::App* project = admin.add_subcommand("project", "Who shares limits and a fair part of the farm");
  project->require_subcommand(1);
  CLI::App* list = project->add_subcommand("ls", "List the projects");
  AddJsonFlag(*list, session);
  list->callback([&session] { session.command = [&session] { return ListProjects(session); }; });
  for (const bool make : {true, false}) {
    const auto name = std::make_shared<std::string>();
    const auto settings = std::make_shared<std::vector<std::string>>();
    CLI::App* command = project->add_subcommand(
        make ? "create" : "set", make ? "Make a project" : "Change what holds for a project, at once");
    command->add_option("project", *name, "Its name")->required();
    command->add_option("setting", *settings, "NAME=VALUE: running-steps=N, queued-builds=N; 0: no limit")
        ->required(!make);
    AddJsonFlag(*command, session);
    command->callback([&session, name, settings, make] {
      session.command = [&session, name, settings, make] {
        return make ? CreateProject(session, *name, *settings) : SetProject(session, *name, *settings);
      };
    });
  }
  const auto name = std::make_shared<std::string>();
  CLI::App* remove = project->add_subcommand("rm", "Remove a project that has no builds and no tokens");
  remove->add_option("project", *name, "Its name")->required();
  remove->callback(
      [&session, name] { session.command = [&session, name] { return RemoveProject(session, *name); }; });
}

// ---- tokens ----

struct TokenFlags {
  std::string name, project, role = "submit", expires;
  std::vector<std::string> pushes;
  bool all = false;
};

absl::StatusOr<int> CreateToken(Session& session, const TokenFlags& flags) {
  v1::CreateTokenRequest request;
  request.set_name(flags.name);
  request.set_project(flags.project);
  const std::optional<v1::Access> role = ParseClientRole(flags.role);
  if (!role) return absl::InvalidArgumentError("--role: expected read, submit, operate or admin");
  request.set_role(*role);
  for (const std::string& push : flags.pushes) request.add_pushes(push);
  if (!flags.expires.empty()) {
    const auto age = ParseAge(flags.expires);
    if (!age.ok()) return Annotate(age.status(), "--expires");
    request.set_expires_at(UnixNanos(session.env.clock().Now() + *age));
  }
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  ASSIGN_OR_RETURN(const v1::CreateTokenResponse made,
                   session.Call(*farm->people, &Stub::CreateToken, request));
  if (session.json) {
    TokenList tokens;
    *tokens.Add() = made.token();
    Json json = TokensJson(tokens)[0];
    json["token"] = made.secret();
    RETURN_IF_ERROR(session.PrintJson(json));
    return kExitOk;
  }
  session.Tell(fmt::format("token {} of {}: it is shown this once, and kept nowhere\n", made.token().id(),
                           made.token().name()));
  RETURN_IF_ERROR(session.Print(made.secret() + "\n"));
  return kExitOk;
}

absl::StatusOr<int> ListTokens(Session& session, bool all) {
  v1::ListTokensRequest request;
  request.set_all(all);
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  ASSIGN_OR_RETURN(const v1::ListTokensResponse response,
                   session.Call(*farm->people, &Stub::ListTokens, request));
  return PrintTokens(session, response.tokens());
}

absl::StatusOr<int> RevokeToken(Session& session, const std::string& token) {
  v1::RevokeTokenRequest request;
  request.set_token(token);
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  ASSIGN_OR_RETURN(const v1::RevokeTokenResponse response,
                   session.Call(*farm->people, &Stub::RevokeToken, request));
  return PrintTokens(session, response.revoked());
}

void AddTokenCommands(CLI::App& admin, Session& session) {
  const auto flags = std::make_shared<TokenFlags>();
  CLI::App* token =
      admin.add_subcommand("token", "Who may do what: tokens that are made and revoked at once");
  token->require_subcommand(1);
  CLI::App* create = token->add_subcommand("create", "Make a token, and print it this once");
  create->add_option("name", flags->name, "Whose it is")->required();
  create->add_option("--role", flags->role, "read, submit, operate or admin [submit]");
  create->add_option("--project", flags->project, "Of which project its builds are [default]");
  create
      ->add_option("--push", flags->pushes,
                   "Repositories that it may push to, such as registry.example/team/* (repeatable) [none]")
      ->expected(1)
      ->take_all();
  create->add_option("--expires", flags->expires, "After so long: 8h, 30d [never]");
  AddJsonFlag(*create, session);
  create->callback(
      [&session, flags] { session.command = [&session, flags] { return CreateToken(session, *flags); }; });
  CLI::App* list = token->add_subcommand("ls", "List the tokens, without their secrets");
  list->add_flag("-a,--all", flags->all, "Also those that are revoked or expired");
  AddJsonFlag(*list, session);
  list->callback(
      [&session, flags] { session.command = [&session, flags] { return ListTokens(session, flags->all); }; });
  CLI::App* revoke =
      token->add_subcommand("revoke", "Let a token be worth nothing; what it has open ends within seconds");
  revoke->add_option("token", flags->name, "Its number, or the name of one or more")->required();
  AddJsonFlag(*revoke, session);
  revoke->callback([&session, flags] {
    session.command = [&session, flags] { return RevokeToken(session, flags->name); };
  });
}

}  // namespace

void AddPeopleCommands(CLI::App& app, Session& session) {
  CLI::App& admin = AdminGroup(app);
  AddProjectCommands(admin, session);
  AddTokenCommands(admin, session);
}

}  // namespace crossmill::cli
