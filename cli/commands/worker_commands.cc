// crossmill worker ls|drain|undrain.
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

// All of them; what one says does not keep the others from it.
absl::StatusOr<int> Drain(Session& session, const std::vector<std::string>& names, bool drain) {
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  absl::Status first;
  for (const std::string& name : names) {
    absl::Status status;
    if (drain) {
      v1::DrainWorkerRequest request;
      request.set_worker(name);
      status = session.Call(*farm->farm, &v1::Farm::StubInterface::DrainWorker, request).status();
    } else {
      v1::UndrainWorkerRequest request;
      request.set_worker(name);
      status = session.Call(*farm->farm, &v1::Farm::StubInterface::UndrainWorker, request).status();
    }
    if (first.ok()) first = status;
    if (!status.ok()) continue;
    RETURN_IF_ERROR(session.Print(
        fmt::format("{} {}\n", name,
                    drain ? "is drained: it finishes what it runs and gets nothing new" : "gets tasks")));
  }
  RETURN_IF_ERROR(first);
  return kExitOk;
}

void AddDrainCommand(CLI::App& worker, Session& session, bool drain) {
  CLI::App* command = worker.add_subcommand(
      drain ? "drain" : "undrain", drain ? "Give workers no new tasks, also after a restart, until they are "
                                           "undrained; what they run goes on"
                                         : "Give drained workers tasks again");
  auto names = std::make_shared<std::vector<std::string>>();
  command->add_option("worker", *names, "Names, as worker ls shows them")->required();
  command->callback([&session, names, drain] {
    session.command = [&session, names, drain] { return Drain(session, *names, drain); };
  });
}

}  // namespace

void AddWorkerCommands(CLI::App& app, Session& session) {
  CLI::App* worker = app.add_subcommand("worker", "Workers of the farm");
  worker->require_subcommand(1);
  CLI::App* list = worker->add_subcommand("ls", "List workers: platforms, slots, what they run");
  AddJsonFlag(*list, session);
  list->callback([&session] { session.command = [&session] { return ListWorkers(session); }; });
  AddDrainCommand(*worker, session, true);
  AddDrainCommand(*worker, session, false);
}

}  // namespace crossmill::cli
