// crossmill page: a link that opens the farm's page.
#include <CLI/CLI.hpp>

#include "cli/commands/commands.h"
#include "cli/show/exit_codes.h"

namespace crossmill::cli {
namespace {

absl::StatusOr<int> PrintPageLink(Session& session) {
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  ASSIGN_OR_RETURN(
      const v1::MakePageLinkResponse link,
      session.Call(*farm->farm, &v1::Farm::StubInterface::MakePageLink, v1::MakePageLinkRequest()));
  RETURN_IF_ERROR(session.Print(link.url() + "\n"));
  return kExitOk;
}

}  // namespace

void AddPageCommand(CLI::App& app, Session& session) {
  CLI::App* command = app.add_subcommand(
      "page", "Print a link that opens the farm's page in a browser: good once, for 10 minutes");
  command->callback([&session] { session.command = [&session] { return PrintPageLink(session); }; });
}

}  // namespace crossmill::cli
