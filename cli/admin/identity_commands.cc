#include "cli/admin/identity_commands.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "cli/admin/admin_group.h"
#include "cli/admin/render_people.h"
#include "cli/session/json_flag.h"
#include "cli/show/exit_codes.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/words/age.h"
#include "common/words/words.h"

namespace crossmill::cli {
namespace {

using Stub = v1::People::StubInterface;

struct RuleFlags {
  std::string name, issuer, audience, project, role = "submit", life, keys_file;
  std::vector<std::string> claims, pushes;
};

absl::StatusOr<int> PrintRules(Session& session, const IdentityRuleList& rules) {
  RETURN_IF_ERROR(session.json ? session.PrintJson(IdentityRulesJson(rules))
                               : session.Print(RenderIdentityRules(rules, session.OutText())));
  return kExitOk;
}

absl::StatusOr<v1::IdentityRule> RuleOf(const RuleFlags& flags) {
  v1::IdentityRule rule;
  rule.set_name(flags.name);
  rule.set_issuer(flags.issuer);
  rule.set_audience(flags.audience);
  rule.set_project(flags.project);
  const std::optional<v1::Access> role = ParseClientRole(flags.role);
  if (!role) return absl::InvalidArgumentError("--role: expected read or submit");
  rule.set_role(*role);
  for (const std::string& push : flags.pushes) rule.add_pushes(push);
  for (const std::string& claim : flags.claims) {
    const size_t equals = claim.find('=');
    if (equals == std::string::npos || equals == 0)
      return absl::InvalidArgumentError(
          fmt::format("--claim: '{}': expected NAME=PATTERN, such as repository=acme/app", claim));
    v1::ClaimPattern& pattern = *rule.add_claims();
    pattern.set_claim(claim.substr(0, equals));
    pattern.set_pattern(claim.substr(equals + 1));
  }
  if (!flags.life.empty()) {
    const auto life = ParseAge(flags.life);
    if (!life.ok()) return Annotate(life.status(), "--life");
    rule.set_life_seconds(absl::ToInt64Seconds(*life));
  }
  if (!flags.keys_file.empty()) {
    absl::StatusOr<std::string> keys = ReadFile(flags.keys_file);
    if (!keys.ok()) return Annotate(keys.status(), "--keys");
    rule.set_keys(*std::move(keys));
  }
  return rule;
}

absl::StatusOr<int> AddRule(Session& session, const RuleFlags& flags) {
  v1::CreateIdentityRuleRequest request;
  ASSIGN_OR_RETURN(*request.mutable_rule(), RuleOf(flags));
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  ASSIGN_OR_RETURN(const v1::CreateIdentityRuleResponse response,
                   session.Call(*farm->people, &Stub::CreateIdentityRule, request));
  IdentityRuleList rules;
  *rules.Add() = response.rule();
  return PrintRules(session, rules);
}

absl::StatusOr<int> ListRules(Session& session) {
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  ASSIGN_OR_RETURN(const v1::ListIdentityRulesResponse response,
                   session.Call(*farm->people, &Stub::ListIdentityRules, v1::ListIdentityRulesRequest()));
  return PrintRules(session, response.rules());
}

absl::StatusOr<int> RemoveRule(Session& session, const std::string& name) {
  v1::RemoveIdentityRuleRequest request;
  request.set_name(name);
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  ASSIGN_OR_RETURN(const v1::RemoveIdentityRuleResponse response,
                   session.Call(*farm->people, &Stub::RemoveIdentityRule, request));
  RETURN_IF_ERROR(session.Print(fmt::format("identity rule {} is removed, and {} of its tokens are revoked\n",
                                            name, response.ids_size())));
  return kExitOk;
}

void AddRuleOptions(CLI::App& add, RuleFlags& flags) {
  add.add_option("name", flags.name, "The name of the rule, and of the tokens that it gives")->required();
  add.add_option("--issuer", flags.issuer, "Who signs: the 'iss' of the identity tokens, https://...")
      ->required();
  add.add_option("--audience", flags.audience, "What jobs ask their identity tokens for: 'aud'")->required();
  add.add_option(
         "--claim", flags.claims,
         "NAME=PATTERN that an identity token must have, such as repository=acme/app; stars stand for "
         "any text (repeatable, all must fit)")
      ->required()
      ->expected(1)
      ->take_all();
  add.add_option("--project", flags.project, "Of which project its builds are [default]");
  add.add_option("--role", flags.role, "read or submit [submit]");
  add.add_option(
         "--push", flags.pushes,
         "Repositories that its tokens may push to, such as registry.example/team/* (repeatable) [none]")
      ->expected(1)
      ->take_all();
  add.add_option("--life", flags.life, "How long a token is good: 10m, 24h at most [1h]");
  add.add_option(
      "--keys", flags.keys_file,
      "File with the issuer's keys (a JSON Web Key Set), for a farm that cannot ask the issuer [asked]");
}

}  // namespace

void AddIdentityCommands(CLI::App& app, Session& session) {
  const auto flags = std::make_shared<RuleFlags>();
  CLI::App* identity = AdminGroup(app).add_subcommand(
      "identity", "Pipelines without a secret: whose identity tokens are exchanged for tokens of the farm");
  identity->require_subcommand(1);
  CLI::App* add =
      identity->add_subcommand("add", "Make a rule; `crossmill login` of a job does the exchange");
  AddRuleOptions(*add, *flags);
  AddJsonFlag(*add, session);
  add->callback(
      [&session, flags] { session.command = [&session, flags] { return AddRule(session, *flags); }; });
  CLI::App* list = identity->add_subcommand("ls", "List the rules");
  AddJsonFlag(*list, session);
  list->callback([&session] { session.command = [&session] { return ListRules(session); }; });
  CLI::App* remove =
      identity->add_subcommand("rm", "Remove a rule; the tokens that it gave are worth nothing any more");
  remove->add_option("name", flags->name, "Its name")->required();
  remove->callback([&session, flags] {
    session.command = [&session, flags] { return RemoveRule(session, flags->name); };
  });
}

}  // namespace crossmill::cli
