// crossmill version: of this program and of the coordinator.
#include <CLI/CLI.hpp>

#include "cli/commands/commands.h"
#include "cli/session/json_flag.h"
#include "cli/show/exit_codes.h"

namespace crossmill::cli {
namespace {

// Without a coordinator the command still succeeds: it says what is missing.
absl::StatusOr<int> Version(Session& session) {
  std::string version;
  std::string problem;
  if (auto farm = session.Connect(); farm.ok()) {
    const auto response =
        session.Call(*(*farm)->farm, &v1::Farm::StubInterface::GetVersion, v1::GetVersionRequest());
    if (response.ok()) {
      version = response->version();
    } else {
      problem = Sv(response.status().message());
    }
  } else {
    problem = Sv(farm.status().message());
  }
  if (session.json) {
    RETURN_IF_ERROR(session.PrintJson({{"client", {{"version", CROSSMILL_VERSION}}},
                                       {"coordinator",
                                        {{"address", session.Address()},
                                         {"version", version.empty() ? Json(nullptr) : Json(version)},
                                         {"error", problem.empty() ? Json(nullptr) : Json(problem)}}}}));
    return kExitOk;
  }
  RETURN_IF_ERROR(session.Print(fmt::format("crossmill {}\n", CROSSMILL_VERSION)));
  RETURN_IF_ERROR(session.Print(problem.empty()
                                    ? fmt::format("coordinator {} at {}\n", version, session.Address())
                                    : fmt::format("coordinator: {}\n", problem)));
  return kExitOk;
}

}  // namespace

void AddVersionCommand(CLI::App& app, Session& session) {
  CLI::App* command =
      app.add_subcommand("version", "Print the versions of this program and of the coordinator");
  AddJsonFlag(*command, session);
  command->callback([&session] { session.command = [&session] { return Version(session); }; });
}

}  // namespace crossmill::cli
