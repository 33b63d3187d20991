// crossmill history and reverify: recipes over time, and verdicts that are checked again.
#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/commands/commands.h"
#include "cli/history/render_history.h"
#include "cli/session/json_flag.h"
#include "cli/show/exit_codes.h"
#include "common/words/age.h"
#include "common/words/platform.h"

namespace crossmill::cli {
namespace {

struct RecipeHistoryFlags {
  std::string name;
  std::string platform;
  int limit = 50;
};

struct ReverifyFlags {
  std::string older_than = "7d";
  int max = 10;
  bool dry_run = false;
};

absl::StatusOr<int> ShowHistory(Session& session, const RecipeHistoryFlags& flags) {
  v1::BuildHistoryRequest request;
  // An image name has a letter.
  const auto build = ParseBuildId(flags.name);
  if (build.ok()) {
    request.set_build_id(*build);
  } else {
    request.set_name(flags.name);
  }
  if (!flags.platform.empty()) {
    ASSIGN_OR_RETURN(*request.mutable_platform(), ParsePlatform(flags.platform));
  }
  request.set_limit(flags.limit);
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  ASSIGN_OR_RETURN(const v1::BuildHistoryResponse answer,
                   session.Call(*farm->verification, &v1::Verification::StubInterface::ListHistory, request));
  if (session.json) {
    RETURN_IF_ERROR(session.PrintJson(RecipeHistoryJson(answer)));
  } else {
    const int64_t now = UnixNanos(session.env.clock().Now());
    RETURN_IF_ERROR(session.Print(RenderRecipeHistory(answer, now, session.OutText())));
  }
  return kExitOk;
}

absl::StatusOr<int> Reverify(Session& session, const ReverifyFlags& flags) {
  const auto age = ParseAge(flags.older_than);
  if (!age.ok()) return Annotate(age.status(), "--older-than");
  v1::ReverifyBuildsRequest request;
  request.set_older_than(absl::ToInt64Seconds(*age));
  request.set_max(flags.max);
  request.set_dry_run(flags.dry_run);
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  ASSIGN_OR_RETURN(
      const v1::ReverifyBuildsResponse answer,
      session.Call(*farm->verification, &v1::Verification::StubInterface::ReverifyBuilds, request));
  if (session.json) {
    RETURN_IF_ERROR(session.PrintJson(DueBuildsJson(answer)));
  } else {
    const int64_t now = UnixNanos(session.env.clock().Now());
    RETURN_IF_ERROR(session.Print(RenderDueBuilds(answer, flags.dry_run, now, session.OutText())));
  }
  const bool failed = std::any_of(answer.builds().begin(), answer.builds().end(),
                                  [](const v1::DueBuild& build) { return !build.problem().empty(); });
  return failed ? kExitInfrastructure : kExitOk;
}

}  // namespace

void AddHistoryCommands(CLI::App& app, Session& session) {
  CLI::App* history = app.add_subcommand(
      "history", "A recipe's builds over time: verdicts, where it went bad, and what changed there");
  auto flags = std::make_shared<RecipeHistoryFlags>();
  history
      ->add_option(
          "name", flags->name,
          "Image name, folder or address of the context, or a build's number [the latest build's recipe]")
      ->type_name("NAME");
  history->add_option("--platform", flags->platform, "Only this platform")->type_name("OS/ARCH");
  history->add_option("-n,--limit", flags->limit, "At most so many rows")
      ->type_name("N")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  AddJsonFlag(*history, session);
  history->callback(
      [&session, flags] { session.command = [&session, flags] { return ShowHistory(session, *flags); }; });

  CLI::App* reverify = app.add_subcommand(
      "reverify", "Verify again the newest reproducible build of each recipe whose verification is old");
  auto due = std::make_shared<ReverifyFlags>();
  reverify->add_option("--older-than", due->older_than, "Age of the last verification: 12h, 7d, 4w")
      ->type_name("TIME")
      ->capture_default_str();
  reverify->add_option("--max", due->max, "At most so many builds")
      ->type_name("N")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  reverify->add_flag("--dry-run", due->dry_run, "Only say which are due");
  AddJsonFlag(*reverify, session);
  reverify->callback(
      [&session, due] { session.command = [&session, due] { return Reverify(session, *due); }; });
}

}  // namespace crossmill::cli
