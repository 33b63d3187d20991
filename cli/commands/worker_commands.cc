// crossmill worker ls|drain|undrain|cordon|uncordon|rm, crossmill distrust, crossmill trust.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <thread>

#include "cli/commands/commands.h"
#include "cli/session/json_flag.h"
#include "cli/show/acceleration/render_acceleration.h"
#include "cli/show/exit_codes.h"
#include "cli/show/json_output.h"
#include "cli/show/render_tables.h"
#include "cli/show/text.h"
#include "cli/use/step_use.h"
#include "common/base/utf8.h"
#include "common/filter/times.h"
#include "common/words/worker_labels.h"

namespace crossmill::cli {
namespace {

// Below the table, for who wants to know more: what each enforces of limits, and what it keeps.
std::string WorkerDetails(const v1::WorkerView& worker) {
  const v1::WorkerInfo& info = worker.info();
  std::string text = fmt::format("\n{}\n", Printable(info.name()));
  if (!info.pool().empty()) text += fmt::format("  pool: {}\n", Printable(info.pool()));
  for (const v1::WorkerLabel& label : info.labels())
    text += fmt::format("  label: {}\n", Printable(FormatWorkerLabel(label)));
  text += RenderOffers(info);
  if (info.bounds().empty()) return text + "  limits of a step: it is older than them and enforces none\n";
  for (const std::string& line : Split(EnforcementText(info), '\n'))
    text += fmt::format("  limit of {}\n", Printable(line));
  text += fmt::format("  keeps layers: {} of {}\n  keeps cache mounts: {} of {}\n",
                      FormatBytes(worker.layers_bytes()), FormatBytes(info.layers_budget()),
                      FormatBytes(worker.caches_bytes()), FormatBytes(info.caches_budget()));
  return text;
}

absl::StatusOr<int> ListWorkers(Session& session, bool verbose) {
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
    for (const v1::WorkerView& worker : workers) {
      if (verbose) RETURN_IF_ERROR(session.Print(WorkerDetails(worker)));
    }
  }
  return kExitOk;
}

// What is done to workers by their names.
struct WorkerVerb {
  const char* name;
  const char* help;
  // What is so then.
  const char* said;
  absl::Status (*call)(Session& session, Farm& farm, const std::string& worker);
};

template <typename Request, auto Method>
absl::Status CallOf(Session& session, Farm& farm, const std::string& worker) {
  Request request;
  request.set_worker(worker);
  return session.Call(*farm.farm, Method, request).status();
}

using FarmStub = v1::Farm::StubInterface;

constexpr WorkerVerb kVerbs[] = {
    {"drain",
     "Give workers no new tasks, also after a restart, until they are undrained; what they run goes on",
     "is drained: it finishes what it runs and gets nothing new",
     CallOf<v1::DrainWorkerRequest, &FarmStub::DrainWorker>},
    {"undrain", "Give drained workers tasks again", "gets tasks",
     CallOf<v1::UndrainWorkerRequest, &FarmStub::UndrainWorker>},
    {"cordon",
     "Give workers tasks of the builds that there are now and of no later ones, also after a restart, until "
     "they "
     "are uncordoned",
     "is cordoned: it gets tasks of the builds that there are and of no later ones",
     CallOf<v1::CordonWorkerRequest, &FarmStub::CordonWorker>},
    {"uncordon", "Give cordoned workers tasks of all builds again", "gets tasks of all builds",
     CallOf<v1::UncordonWorkerRequest, &FarmStub::UncordonWorker>},
    {"rm",
     "Forget workers that are not connected; what they executed stays in the record, and they may connect "
     "again",
     "is removed", CallOf<v1::RemoveWorkerRequest, &FarmStub::RemoveWorker>},
};

// It is safe to stop when it runs nothing.
absl::Status WaitUntilIdle(Session& session, Farm& farm, const std::vector<std::string>& names) {
  while (true) {
    ASSIGN_OR_RETURN(const v1::ListWorkersResponse response,
                     session.Call(*farm.farm, &FarmStub::ListWorkers, v1::ListWorkersRequest()));
    const bool busy =
        std::any_of(response.workers().begin(), response.workers().end(), [&](const v1::WorkerView& worker) {
          return worker.slots_used() > 0 &&
                 std::find(names.begin(), names.end(), worker.info().name()) != names.end();
        });
    if (!busy) return absl::OkStatus();
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  }
}

// All of them; what one says does not keep the others from it.
absl::StatusOr<int> DoToWorkers(Session& session, const WorkerVerb& verb,
                                const std::vector<std::string>& names, bool wait) {
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  absl::Status first;
  for (const std::string& name : names) {
    const absl::Status status = verb.call(session, *farm, name);
    if (first.ok()) first = status;
    if (!status.ok()) continue;
    RETURN_IF_ERROR(session.Print(fmt::format("{} {}\n", name, verb.said)));
  }
  RETURN_IF_ERROR(first);
  if (!wait) return kExitOk;
  RETURN_IF_ERROR(WaitUntilIdle(session, *farm, names));
  for (const std::string& name : names)
    RETURN_IF_ERROR(session.Print(fmt::format("{} runs nothing: it can be stopped\n", name)));
  return kExitOk;
}

absl::StatusOr<int> DistrustWorker(Session& session, const std::string& name, const std::string& since) {
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  v1::DistrustWorkerRequest request;
  request.set_worker(name);
  const auto since_ns = filter::ParseSince(since, UnixNanos(session.env.clock().Now()));
  if (!since_ns.ok()) return Annotate(since_ns.status(), "--since");
  request.set_since(*since_ns);
  ASSIGN_OR_RETURN(const v1::DistrustWorkerResponse response,
                   session.Call(*farm->farm, &v1::Farm::StubInterface::DistrustWorker, request));
  RETURN_IF_ERROR(session.json ? session.PrintJson(DistrustJson(response))
                               : session.Print(RenderDistrust(name, response)));
  return kExitOk;
}

absl::StatusOr<int> TrustWorker(Session& session, const std::string& name) {
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  v1::TrustWorkerRequest request;
  request.set_worker(name);
  RETURN_IF_ERROR(session.Call(*farm->farm, &v1::Farm::StubInterface::TrustWorker, request).status());
  RETURN_IF_ERROR(session.Print(fmt::format(
      "{} is trusted: what it makes from now on counts, what was taken back does not\n", Printable(name))));
  return kExitOk;
}

void AddTrustCommands(CLI::App& app, Session& session) {
  CLI::App* distrust = app.add_subcommand(
      "distrust",
      "Reuse nothing that a worker made, give it no tasks, and list the builds and images that have it");
  auto name = std::make_shared<std::string>();
  auto since = std::make_shared<std::string>();
  distrust->add_option("worker", *name, "Its name, also of one that is not there any more")->required();
  distrust->add_option("--since", *since, "Only what it made since then: an age (12h, 7d) or a time [ever]");
  AddJsonFlag(*distrust, session);
  distrust->callback([&session, name, since] {
    session.command = [&session, name, since] { return DistrustWorker(session, *name, *since); };
  });
  CLI::App* trust = app.add_subcommand("trust", "Use what a distrusted worker makes from now on");
  trust->add_option("worker", *name, "Its name")->required();
  trust->callback(
      [&session, name] { session.command = [&session, name] { return TrustWorker(session, *name); }; });
}

void AddVerb(CLI::App& worker, Session& session, const WorkerVerb& verb) {
  CLI::App* command = worker.add_subcommand(verb.name, verb.help);
  auto names = std::make_shared<std::vector<std::string>>();
  auto wait = std::make_shared<bool>(false);
  command->add_option("worker", *names, "Names, as worker ls shows them")->required();
  if (std::string_view(verb.name) == "drain")
    command->add_flag("--wait", *wait, "Return when they run nothing: then they can be stopped");
  command->callback([&session, &verb, names, wait] {
    session.command = [&session, &verb, names, wait] { return DoToWorkers(session, verb, *names, *wait); };
  });
}

}  // namespace

void AddWorkerCommands(CLI::App& app, Session& session) {
  CLI::App* worker = app.add_subcommand("worker", "Workers of the farm");
  worker->require_subcommand(1);
  CLI::App* list = worker->add_subcommand("ls", "List workers: platforms, slots, what they run");
  AddJsonFlag(*list, session);
  const auto verbose = std::make_shared<bool>(false);
  list->add_flag("-v,--verbose", *verbose,
                 "Pool and labels of each, its accelerators, how it enforces limits of steps, and what it "
                 "keeps");
  list->callback([&session, verbose] {
    session.command = [&session, verbose] { return ListWorkers(session, *verbose); };
  });
  for (const WorkerVerb& verb : kVerbs) AddVerb(*worker, session, verb);
  AddTrustCommands(app, session);
}

}  // namespace crossmill::cli
