// crossmill worker ls.
#include <CLI/CLI.hpp>

#include "cli/commands/commands.h"
#include "cli/show/exit_codes.h"
#include "cli/show/json_output.h"
#include "cli/show/render_tables.h"

namespace crossmill::cli {
namespace {

absl::StatusOr<int> ListWorkers(Session& session) {
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  ASSIGN_OR_RETURN(
      const v1::ListWorkersResponse response,
      session.Call(*farm->farm, &v1::Farm::StubInterface::ListWorkers, v1::ListWorkersRequest()));
  const std::vector<v1::WorkerView> workers(response.workers().begin(), response.workers().end());
  if (session.json) {
    Json list = Json::array();
    for (const v1::WorkerView& worker : workers) list.push_back(WorkerJson(worker));
    RETURN_IF_ERROR(session.PrintJson(list));
  } else {
    RETURN_IF_ERROR(
        session.Print(RenderWorkers(workers, UnixNanos(session.env.clock().Now()), session.OutText())));
  }
  return kExitOk;
}

}  // namespace

void AddWorkerCommands(CLI::App& app, Session& session) {
  CLI::App* worker = app.add_subcommand("worker", "Workers of the farm");
  worker->require_subcommand(1);
  CLI::App* list = worker->add_subcommand("ls", "List workers: platforms, slots, what they run");
  AddJsonFlag(*list, session);
  list->callback([&session] { session.command = [&session] { return ListWorkers(session); }; });
}

}  // namespace crossmill::cli
