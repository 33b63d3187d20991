// crossmill worker ls|drain|undrain, crossmill distrust, crossmill trust.
#include <CLI/CLI.hpp>

#include "absl/time/time.h"
#include "cli/commands/commands.h"
#include "cli/show/exit_codes.h"
#include "cli/show/json_output.h"
#include "cli/show/render_tables.h"
#include "cli/show/text.h"
#include "cli/use/step_use.h"
#include "common/base/utf8.h"
#include "common/words/age.h"

namespace crossmill::cli {
namespace {

// Below the table, for who wants to know more: what each enforces of limits, and what it keeps.
std::string WorkerDetails(const v1::WorkerView& worker) {
  const v1::WorkerInfo& info = worker.info();
  std::string text = fmt::format("\n{}\n", Printable(info.name()));
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

// "2026-03-01T12:00:00Z", or an age ("12h"). Empty: 0.
absl::StatusOr<int64_t> ParseSince(const std::string& text, absl::Time now) {
  if (text.empty()) return 0;
  if (const auto age = ParseAge(text); age.ok()) return UnixNanos(now - *age);
  absl::Time time;
  std::string error;
  if (absl::ParseTime(absl::RFC3339_full, text, &time, &error) && time < now) return UnixNanos(time);
  return WithHint(absl::InvalidArgumentError(fmt::format("--since {}: no time in the past", Printable(text))),
                  "an age (12h, 7d), or a time like 2026-03-01T12:00:00Z");
}

absl::StatusOr<int> DistrustWorker(Session& session, const std::string& name, const std::string& since) {
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  v1::DistrustWorkerRequest request;
  request.set_worker(name);
  ASSIGN_OR_RETURN(const int64_t since_ns, ParseSince(since, session.env.clock().Now()));
  request.set_since(since_ns);
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
  const auto verbose = std::make_shared<bool>(false);
  list->add_flag("-v,--verbose", *verbose, "How each enforces limits of steps, and what it keeps");
  list->callback([&session, verbose] {
    session.command = [&session, verbose] { return ListWorkers(session, *verbose); };
  });
  AddDrainCommand(*worker, session, true);
  AddDrainCommand(*worker, session, false);
  AddTrustCommands(app, session);
}

}  // namespace crossmill::cli
