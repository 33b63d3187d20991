// crossmill watch and logs.
#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <vector>

#include "cli/commands/commands.h"
#include "cli/commands/report.h"
#include "cli/matrix/render_matrix.h"
#include "cli/recipe/build_flags.h"
#include "cli/session/build_follow.h"
#include "cli/session/json_flag.h"
#include "cli/session/matrix_follow.h"
#include "cli/session/submission.h"
#include "cli/show/console_lines.h"
#include "cli/show/exit_codes.h"
#include "cli/show/json_output.h"
#include "cli/show/render_plain.h"
#include "common/words/platform.h"
#include "common/words/words.h"

namespace crossmill::cli {
namespace {

struct WatchFlags {
  std::string build;
  std::string progress = "auto";
};

absl::StatusOr<int> WatchMatrix(Session& session, int64_t id, ProgressMode mode) {
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  v1::GetMatrixRequest request;
  request.set_matrix_id(id);
  const auto get = [&] {
    return session.Call(*farm->matrices, &v1::Matrices::StubInterface::GetMatrix, request);
  };
  ASSIGN_OR_RETURN(v1::MatrixView matrix, get());
  v1::SubmitMatrixResponse known;
  known.set_matrix_id(matrix.id());
  std::vector<std::unique_ptr<Progress>> each;
  std::vector<Progress*> progress;
  for (const v1::BuildView& build : matrix.builds()) {
    known.add_build_ids(build.id());
    each.push_back(MakeNamedProgress(session, mode, FormatCombination(build.matrix())));
    progress.push_back(each.back().get());
  }
  FollowOptions options;
  options.on_interrupt = OnInterrupt::kDetach;
  options.logs = mode != ProgressMode::kQuiet;
  const auto models = FollowMatrix(session, *farm, *progress.front(), progress, options, {},
                                   [&]() -> absl::StatusOr<v1::SubmitMatrixResponse> { return known; });
  for (Progress* one : progress) one->Finish();
  if (absl::IsCancelled(models.status())) {
    session.Tell(fmt::format("matrix m{0} goes on; `crossmill watch m{0}` follows it again\n", matrix.id()));
    return kExitOk;
  }
  RETURN_IF_ERROR(models.status());
  ASSIGN_OR_RETURN(matrix, get());
  RETURN_IF_ERROR(session.json ? session.PrintJson(MatrixJson(matrix))
                               : session.Print(RenderMatrixView(matrix, session.OutText())));
  std::vector<int> codes;
  for (const v1::BuildView& build : matrix.builds()) codes.push_back(ExitCodeOf(build, false));
  return GravestExit(codes);
}

absl::StatusOr<int> Watch(Session& session, const WatchFlags& flags) {
  ASSIGN_OR_RETURN(const ProgressMode mode, ParseProgress(flags.progress));
  if (const auto matrix = MatrixNumber(flags.build)) return WatchMatrix(session, *matrix, mode);
  ASSIGN_OR_RETURN(const v1::BuildView view, GetBuild(session, flags.build));
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  const std::unique_ptr<Progress> progress = MakeProgress(session, mode);
  FollowOptions options;
  options.on_interrupt = OnInterrupt::kDetach;
  options.logs = mode != ProgressMode::kQuiet;
  const auto model = FollowBuild(session, *farm, *progress, options, [&] { return view.id(); });
  progress->Finish();
  if (absl::IsCancelled(model.status())) {
    session.Tell(fmt::format("build {0} goes on; `crossmill watch {0}` follows it again\n", view.id()));
    return kExitOk;
  }
  RETURN_IF_ERROR(model.status());
  ASSIGN_OR_RETURN(const BuildReport report, FetchReportOfEnd(session, view.id(), ""));
  if (session.json) {
    RETURN_IF_ERROR(session.PrintJson(BuildJson(report)));
  } else if (mode == ProgressMode::kQuiet) {
    RETURN_IF_ERROR(session.Print(report.build.index_digest() + "\n"));
  } else {
    RETURN_IF_ERROR(session.Print(RenderReport(report, session.OutText())));
  }
  return ExitCodeOf(report.build, false);
}

struct LogFlags {
  std::string build;
  std::string platform;
  std::string stage;
  uint32_t step = 0;
  bool follow = false;
};

// Which steps the flags choose.
class StepFilter {
 public:
  static absl::StatusOr<StepFilter> Make(const LogFlags& flags) {
    StepFilter filter(flags);
    if (!flags.platform.empty()) {
      ASSIGN_OR_RETURN(const v1::Platform platform, ParsePlatform(flags.platform));
      filter.platform_ = FormatPlatform(platform);
    }
    return filter;
  }

  bool Takes(const v1::StageView& stage, uint32_t step) const {
    if (!platform_.empty() && FormatPlatform(stage.platform()) != platform_) return false;
    if (!flags_.stage.empty() && stage.name() != flags_.stage && StageLabel(stage) != flags_.stage)
      return false;
    return flags_.step == 0 || flags_.step == step;
  }

 private:
  explicit StepFilter(const LogFlags& flags) : flags_(flags) {}
  LogFlags flags_;
  std::string platform_;
};

// Consoles of the chosen steps as they come, on standard output.
class ConsoleOutput final : public Progress {
 public:
  ConsoleOutput(Session& session, StepFilter filter) : session_(session), filter_(std::move(filter)) {}
  void Note(std::string_view text) override { session_.Tell(std::string(text) + "\n"); }
  void Activity(std::string_view) override {}
  void OnEvent(const v1::BuildEvent&, const BuildModel&) override {}
  void OnLine(const ConsoleLine& line, const BuildModel& model) override {
    const v1::StageView* stage = model.Stage(line.stage);
    if (stage == nullptr || !filter_.Takes(*stage, line.step)) return;
    // A reader that went away shows in the exit code of the pipe, and there is no one left to tell.
    (void)session_.Print(RenderPlainLine(line, model, session_.OutText().colour));
  }
  void Finish() override {}

 private:
  Session& session_;
  StepFilter filter_;
};

absl::StatusOr<int> FollowLogs(Session& session, const v1::BuildView& view, StepFilter filter) {
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  ConsoleOutput output(session, std::move(filter));
  FollowOptions options;
  options.on_interrupt = OnInterrupt::kDetach;
  const auto model = FollowBuild(session, *farm, output, options, [&] { return view.id(); });
  if (!absl::IsCancelled(model.status())) RETURN_IF_ERROR(model.status());
  return kExitOk;
}

// As it is, so that it can be piped and kept; on a terminal, which would act on it, as lines.
absl::Status PrintConsole(Session& session, int64_t execution) {
  if (!session.env.OutTerminal().is_terminal) {
    return ReadConsole(session, execution, false,
                       [&](const v1::LogChunk& chunk) { return session.env.Out(chunk.data()); });
  }
  std::map<v1::LogChunk::Stream, LineAssembler> streams;
  const auto print = [&session](const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    return session.Print(text);
  };
  RETURN_IF_ERROR(ReadConsole(session, execution, false, [&](const v1::LogChunk& chunk) {
    return print(streams[chunk.stream()].Feed(chunk.data()));
  }));
  for (auto& [stream, lines] : streams) RETURN_IF_ERROR(print(lines.Finish()));
  return absl::OkStatus();
}

absl::StatusOr<int> Logs(Session& session, const LogFlags& flags) {
  ASSIGN_OR_RETURN(const v1::BuildView view, GetBuild(session, flags.build));
  ASSIGN_OR_RETURN(StepFilter filter, StepFilter::Make(flags));
  if (flags.follow && !IsFinished(view.status())) return FollowLogs(session, view, std::move(filter));
  std::vector<std::pair<const v1::StageView*, const v1::StepView*>> chosen;
  for (const v1::StageView& stage : view.stages()) {
    for (const v1::StepView& step : stage.steps()) {
      if (step.execution() != 0 && filter.Takes(stage, step.number())) chosen.emplace_back(&stage, &step);
    }
  }
  if (chosen.empty()) {
    return absl::NotFoundError(fmt::format(
        "build {} has no console for that; `crossmill show {}` lists its steps", view.id(), view.id()));
  }
  BuildModel model(view.id());
  for (const auto& [stage, step] : chosen) {
    // Headings are no part of the console: one step alone can be piped as it is.
    session.Tell(fmt::format("#{} {} {}\n", FormatPlatform(stage->platform()),
                             fmt::format("{} {}", stage->name(), step->number()), Printable(step->text())));
    RETURN_IF_ERROR(PrintConsole(session, step->execution()));
  }
  return kExitOk;
}

}  // namespace

void AddWatchCommands(CLI::App& app, Session& session) {
  CLI::App* watch = app.add_subcommand("watch", "Follow a build until it is finished, then print its report");
  auto watch_flags = std::make_shared<WatchFlags>();
  watch
      ->add_option("build", watch_flags->build, "Number of the build, or m and that of a matrix [the latest]")
      ->type_name("BUILD");
  watch->add_option("--progress", watch_flags->progress, "How to show the build while it runs")
      ->type_name("auto|tty|plain|json|quiet")
      ->capture_default_str();
  AddJsonFlag(*watch, session);
  watch->callback([&session, watch_flags] {
    session.command = [&session, watch_flags] { return Watch(session, *watch_flags); };
  });

  CLI::App* logs = app.add_subcommand("logs", "Print what the steps of a build wrote");
  auto log_flags = std::make_shared<LogFlags>();
  logs->add_option("build", log_flags->build, "Number of the build [the latest]")->type_name("BUILD");
  logs->add_option("--platform", log_flags->platform, "Only this platform")->type_name("OS/ARCH");
  logs->add_option("--stage", log_flags->stage, "Only this stage")->type_name("STAGE");
  logs->add_option("--step", log_flags->step, "Only this step")->type_name("N");
  logs->add_flag("-f,--follow", log_flags->follow, "Go on until the build is finished");
  logs->callback([&session, log_flags] {
    session.command = [&session, log_flags] { return Logs(session, *log_flags); };
  });
}

}  // namespace crossmill::cli
