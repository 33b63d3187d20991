// crossmill page: a link that opens the farm's page.
#include <CLI/CLI.hpp>

#include "cli/commands/commands.h"
#include "cli/show/exit_codes.h"
#include "common/words/words.h"

namespace crossmill::cli {
namespace {

absl::StatusOr<int> PrintPageLink(Session& session, const std::string& role) {
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  v1::MakePageLinkRequest request;
  request.set_role(ParseClientRole(role).value_or(v1::ACCESS_OPERATE));
  ASSIGN_OR_RETURN(const v1::MakePageLinkResponse link,
                   session.Call(*farm->farm, &v1::Farm::StubInterface::MakePageLink, request));
  RETURN_IF_ERROR(session.Print(link.url() + "\n"));
  return kExitOk;
}

}  // namespace

void AddPageCommand(CLI::App& app, Session& session) {
  CLI::App* command = app.add_subcommand(
      "page", "Print a link that opens the farm's page in a browser: good once, for 10 minutes");
  auto role = std::make_shared<std::string>("operate");
  command->add_option("--role", *role, "What whoever opens it may do: read, submit or operate")
      ->check(CLI::IsMember({"read", "submit", "operate"}))
      ->capture_default_str();
  command->callback(
      [&session, role] { session.command = [&session, role] { return PrintPageLink(session, *role); }; });
}

}  // namespace crossmill::cli
