// crossmill packages: those of a build, and questions over all builds.
#include <CLI/CLI.hpp>
#include <map>

#include "cli/commands/commands.h"
#include "cli/commands/report.h"
#include "cli/recipe/build_flags.h"
#include "cli/session/json_flag.h"
#include "cli/show/exit_codes.h"
#include "cli/show/package_json.h"
#include "cli/show/render_package_history.h"
#include "cli/show/render_packages.h"
#include "common/filter/times.h"
#include "common/words/platform.h"

namespace crossmill::cli {
namespace {

using Order = v1::CompiledPackagesRequest::Order;

struct PackagesFlags {
  std::string build;
  // The questions; at most one of them.
  std::string history;
  bool compiled = false;
  std::string uses;

  std::string platform;
  std::string since;
  Order by = v1::CompiledPackagesRequest::ORDER_COST;
  int limit = 50;
  bool csv = false;

  bool asks() const { return !history.empty() || compiled || !uses.empty(); }
};

// What an answer is printed as. That there is more is no part of a table of values.
template <typename Answer>
absl::StatusOr<int> PrintAnswer(Session& session, const PackagesFlags& flags, const Answer& answer,
                                Json (*json)(const Answer&), std::string (*csv)(const Answer&),
                                const std::string& text) {
  if (session.json) {
    RETURN_IF_ERROR(session.PrintJson(json(answer)));
  } else if (flags.csv) {
    RETURN_IF_ERROR(session.Print(csv(answer)));
    if (answer.more())
      session.Tell(fmt::format("crossmill: these are {} rows, there are more: --limit\n", flags.limit));
  } else {
    RETURN_IF_ERROR(session.Print(text));
  }
  return kExitOk;
}

template <typename Request>
absl::StatusOr<Request> MakeRequest(Session& session, const PackagesFlags& flags) {
  Request request;
  if (!flags.platform.empty()) {
    ASSIGN_OR_RETURN(*request.mutable_platform(), ParsePlatform(flags.platform));
  }
  const auto since = filter::ParseSince(flags.since, UnixNanos(session.env.clock().Now()));
  if (!since.ok()) return Annotate(since.status(), "--since");
  request.set_since(*since);
  request.set_limit(flags.limit);
  return request;
}

absl::StatusOr<int> AskHistory(Session& session, const PackagesFlags& flags) {
  ASSIGN_OR_RETURN(auto request, MakeRequest<v1::PackageHistoryRequest>(session, flags));
  request.set_name(flags.history);
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  ASSIGN_OR_RETURN(const v1::PackageHistoryResponse answer,
                   session.Call(*farm->packages, &v1::Packages::StubInterface::ListHistory, request));
  const int64_t now = UnixNanos(session.env.clock().Now());
  return PrintAnswer(session, flags, answer, HistoryJson, HistoryCsv,
                     RenderHistory(flags.history, answer, now, session.OutText()));
}

absl::StatusOr<int> AskCompiled(Session& session, const PackagesFlags& flags) {
  ASSIGN_OR_RETURN(auto request, MakeRequest<v1::CompiledPackagesRequest>(session, flags));
  request.set_order(flags.by);
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  ASSIGN_OR_RETURN(const v1::CompiledPackagesResponse answer,
                   session.Call(*farm->packages, &v1::Packages::StubInterface::ListCompiled, request));
  const int64_t now = UnixNanos(session.env.clock().Now());
  return PrintAnswer(session, flags, answer, CompiledJson, CompiledCsv,
                     RenderCompiled(answer, now, session.OutText()));
}

absl::StatusOr<int> AskUses(Session& session, const PackagesFlags& flags) {
  ASSIGN_OR_RETURN(auto request, MakeRequest<v1::PackageUsesRequest>(session, flags));
  request.set_requirement(flags.uses);
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  ASSIGN_OR_RETURN(const v1::PackageUsesResponse answer,
                   session.Call(*farm->packages, &v1::Packages::StubInterface::ListUses, request));
  const int64_t now = UnixNanos(session.env.clock().Now());
  return PrintAnswer(session, flags, answer, UsesJson, UsesCsv,
                     RenderUses(flags.uses, answer, now, session.OutText()));
}

absl::StatusOr<int> ListOfBuild(Session& session, const PackagesFlags& flags) {
  ASSIGN_OR_RETURN(const std::string platform, NormalisedPlatform(flags.platform));
  BuildReport report;
  ASSIGN_OR_RETURN(report.build, GetBuild(session, flags.build));
  RETURN_IF_ERROR(GetPackages(session, report.build.id(), &report));
  const auto elsewhere = [&](const auto& row) {
    return !platform.empty() && FormatPlatform(row.platform()) != platform;
  };
  std::erase_if(report.packages, elsewhere);
  std::erase_if(report.changes, elsewhere);
  std::erase_if(report.earlier, elsewhere);
  if (session.json) {
    RETURN_IF_ERROR(session.PrintJson(PackagesJson(report)));
  } else if (flags.csv) {
    RETURN_IF_ERROR(session.Print(PackagesCsv(report)));
  } else {
    const std::string changes = RenderPackageChanges(report, session.OutText());
    RETURN_IF_ERROR(session.Print(RenderPackages(report.packages, session.OutText()) +
                                  (changes.empty() ? "" : "\n" + changes)));
  }
  return kExitOk;
}

absl::StatusOr<int> Packages(Session& session, const PackagesFlags& flags) {
  if (session.json && flags.csv) return absl::InvalidArgumentError("--json and --csv exclude each other");
  if (!flags.history.empty()) return AskHistory(session, flags);
  if (flags.compiled) return AskCompiled(session, flags);
  if (!flags.uses.empty()) return AskUses(session, flags);
  return ListOfBuild(session, flags);
}

}  // namespace

void AddPackagesCommand(CLI::App& app, Session& session) {
  CLI::App* packages = app.add_subcommand(
      "packages", "List a build's Python packages, wheel or source, per platform; or ask over all builds");
  auto flags = std::make_shared<PackagesFlags>();
  CLI::Option* build =
      packages->add_option("build", flags->build, "Number of the build [the latest]")->type_name("BUILD");
  CLI::Option* history =
      packages->add_option("--history", flags->history, "This package over time, newest first")
          ->type_name("NAME");
  CLI::Option* compiled = packages->add_flag("--compiled", flags->compiled,
                                             "All that was compiled, added up by release and platform");
  CLI::Option* uses = packages
                          ->add_option("--uses", flags->uses,
                                       "Builds that use it, newest first: numpy, numpy==1.26.4, numpy<2")
                          ->type_name("REQUIREMENT");
  history->excludes(build)->excludes(compiled)->excludes(uses);
  compiled->excludes(build)->excludes(uses);
  uses->excludes(build);
  packages->add_option("--platform", flags->platform, "Only this platform")->type_name("OS/ARCH");
  CLI::Option* since =
      packages
          ->add_option("--since", flags->since,
                       "What ended since then (--uses: what was submitted): 12h, 30d, 4w ago, or 2024-05-01")
          ->type_name("TIME");
  packages->add_option("--by", flags->by, "Order of --compiled: cost, count, name, last [cost]")
      ->type_name("ORDER")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, Order>{{"cost", v1::CompiledPackagesRequest::ORDER_COST},
                                       {"count", v1::CompiledPackagesRequest::ORDER_COUNT},
                                       {"name", v1::CompiledPackagesRequest::ORDER_NAME},
                                       {"last", v1::CompiledPackagesRequest::ORDER_LAST}}))
      ->needs(compiled);
  CLI::Option* limit = packages->add_option("-n,--limit", flags->limit, "At most so many rows")
                           ->type_name("N")
                           ->check(CLI::Range(1, 10000))
                           ->capture_default_str();
  packages->add_flag("--csv", flags->csv, "Print them as comma-separated values");
  AddJsonFlag(*packages, session);
  packages->callback([&session, flags, since, limit] {
    if (!flags->asks() && (since->count() > 0 || limit->count() > 0))
      throw CLI::RequiresError("--since and --limit", "--history, --compiled or --uses");
    session.command = [&session, flags] { return Packages(session, *flags); };
  });
}

}  // namespace crossmill::cli
