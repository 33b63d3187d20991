// crossmill ls, show, fetches and cancel.
#include <CLI/CLI.hpp>

#include "absl/strings/str_join.h"
#include "cli/commands/commands.h"
#include "cli/commands/report.h"
#include "cli/matrix/render_matrix.h"
#include "cli/session/json_flag.h"
#include "cli/show/exit_codes.h"
#include "cli/show/json_output.h"
#include "cli/show/render_fetches.h"
#include "cli/show/render_tables.h"
#include "common/words/platform.h"
#include "common/words/words.h"

namespace crossmill::cli {
namespace {

struct BuildListFlags {
  std::vector<std::string> words;
  int limit = 20;
};

absl::StatusOr<int> List(Session& session, const BuildListFlags& flags) {
  const int limit = flags.limit;
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  std::vector<v1::BuildView> builds;
  v1::ListBuildsRequest request;
  // One argument may hold several words, or a part of a quoted one.
  request.set_filter(absl::StrJoin(flags.words, " "));
  do {
    request.set_page_size(std::min(limit - static_cast<int>(builds.size()), 100));
    ASSIGN_OR_RETURN(const v1::ListBuildsResponse response,
                     session.Call(*farm->builds, &v1::Builds::StubInterface::ListBuilds, request));
    builds.insert(builds.end(), response.builds().begin(), response.builds().end());
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty() && static_cast<int>(builds.size()) < limit);
  if (session.json) {
    Json list = Json::array();
    for (const v1::BuildView& build : builds) list.push_back(BuildRowJson(build));
    RETURN_IF_ERROR(session.PrintJson(list));
  } else if (builds.empty() && !request.filter().empty()) {
    RETURN_IF_ERROR(session.Print("no build matches the filter\n"));
  } else {
    RETURN_IF_ERROR(
        session.Print(RenderBuilds(builds, UnixNanos(session.env.clock().Now()), session.OutText())));
  }
  return kExitOk;
}

absl::StatusOr<int> ShowMatrix(Session& session, int64_t id) {
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  v1::GetMatrixRequest request;
  request.set_matrix_id(id);
  ASSIGN_OR_RETURN(const v1::MatrixView matrix,
                   session.Call(*farm->matrices, &v1::Matrices::StubInterface::GetMatrix, request));
  if (session.json) {
    RETURN_IF_ERROR(session.PrintJson(MatrixJson(matrix)));
  } else {
    RETURN_IF_ERROR(session.Print(RenderMatrixView(matrix, session.OutText())));
  }
  return kExitOk;
}

absl::StatusOr<int> CancelMatrix(Session& session, int64_t id) {
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  v1::CancelMatrixRequest request;
  request.set_matrix_id(id);
  RETURN_IF_ERROR(
      session.Call(*farm->matrices, &v1::Matrices::StubInterface::CancelMatrix, request).status());
  RETURN_IF_ERROR(session.Print(fmt::format("matrix m{} cancelled\n", id)));
  return kExitOk;
}

absl::StatusOr<int> Show(Session& session, const std::string& build) {
  if (const auto matrix = MatrixNumber(build)) return ShowMatrix(session, *matrix);
  ASSIGN_OR_RETURN(const BuildReport report, FetchReport(session, build, ""));
  if (session.json) {
    RETURN_IF_ERROR(session.PrintJson(BuildJson(report)));
  } else {
    RETURN_IF_ERROR(session.Print(RenderReport(report, session.OutText())));
  }
  return kExitOk;
}

struct FetchesFlags {
  std::string build;
  std::string platform;
  bool csv = false;
};

absl::StatusOr<int> Fetches(Session& session, const FetchesFlags& flags) {
  ASSIGN_OR_RETURN(const std::string platform, NormalisedPlatform(flags.platform));
  ASSIGN_OR_RETURN(const v1::BuildView view, GetBuild(session, flags.build));
  BuildReport report;
  RETURN_IF_ERROR(GetFetches(session, view.id(), true, &report));
  const auto elsewhere = [&](const auto& row) {
    return !platform.empty() && FormatPlatform(row.platform()) != platform;
  };
  std::erase_if(report.fetches, elsewhere);
  std::erase_if(report.fetch_hosts, elsewhere);
  if (session.json) {
    Json list = Json::array();
    for (const v1::FetchRow& row : report.fetches) list.push_back(FetchJson(row));
    RETURN_IF_ERROR(session.PrintJson(list));
  } else if (flags.csv) {
    RETURN_IF_ERROR(session.Print(FetchesCsv(report.fetches)));
  } else {
    RETURN_IF_ERROR(session.Print(RenderFetches(report.fetches, report.fetch_hosts, session.OutText())));
  }
  return kExitOk;
}

absl::StatusOr<int> Cancel(Session& session, const std::string& build) {
  if (const auto matrix = MatrixNumber(build)) return CancelMatrix(session, *matrix);
  ASSIGN_OR_RETURN(const v1::BuildView view, GetBuild(session, build));
  if (IsFinished(view.status())) {
    session.Tell(fmt::format("build {} is already {}\n", view.id(), Word(view.status())));
    return kExitOk;
  }
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  v1::CancelBuildRequest request;
  request.set_build_id(view.id());
  RETURN_IF_ERROR(session.Call(*farm->builds, &v1::Builds::StubInterface::CancelBuild, request).status());
  RETURN_IF_ERROR(session.Print(fmt::format("build {} cancelled\n", view.id())));
  return kExitOk;
}

}  // namespace

void AddBuildsCommands(CLI::App& app, Session& session) {
  CLI::App* list = app.add_subcommand("ls", "List builds, newest first");
  auto listed = std::make_shared<BuildListFlags>();
  list->add_option("filter", listed->words,
                   "Only builds that it finds: 'status:failed platform:linux/arm64 since:7d -label:team=shop "
                   "text' (docs/api.md, \"Filters\"; behind -- where it begins with a minus)")
      ->type_name("FILTER...");
  list->add_option("-n,--limit", listed->limit, "At most so many")
      ->type_name("N")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  AddJsonFlag(*list, session);
  list->callback(
      [&session, listed] { session.command = [&session, listed] { return List(session, *listed); }; });

  CLI::App* show = app.add_subcommand("show", "Print the report of a build");
  auto shown = std::make_shared<std::string>();
  show->add_option("build", *shown, "Number of the build, or m and that of a matrix [the latest]")
      ->type_name("BUILD");
  AddJsonFlag(*show, session);
  show->callback(
      [&session, shown] { session.command = [&session, shown] { return Show(session, *shown); }; });

  CLI::App* fetches = app.add_subcommand(
      "fetches", "List what a build's steps fetched through the recording network (docs/network.md)");
  auto fetched = std::make_shared<FetchesFlags>();
  fetches->add_option("build", fetched->build, "Number of the build [the latest]")->type_name("BUILD");
  fetches->add_option("--platform", fetched->platform, "Only this platform")->type_name("OS/ARCH");
  fetches->add_flag("--csv", fetched->csv, "Print them as comma-separated values");
  AddJsonFlag(*fetches, session);
  fetches->callback(
      [&session, fetched] { session.command = [&session, fetched] { return Fetches(session, *fetched); }; });

  CLI::App* cancel = app.add_subcommand("cancel", "Cancel a build");
  auto cancelled = std::make_shared<std::string>();
  cancel->add_option("build", *cancelled, "Number of the build, or m and that of a matrix")
      ->type_name("BUILD")
      ->required();
  cancel->callback([&session, cancelled] {
    session.command = [&session, cancelled] { return Cancel(session, *cancelled); };
  });
}

}  // namespace crossmill::cli
