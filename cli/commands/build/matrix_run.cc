#include "cli/commands/build/matrix_run.h"

#include "cli/commands/build/build_results.h"
#include "cli/commands/report.h"
#include "cli/matrix/combinations.h"
#include "cli/matrix/matrix_file.h"
#include "cli/matrix/render_matrix.h"
#include "cli/matrix/templates.h"
#include "cli/session/matrix_follow.h"
#include "cli/session/submission.h"
#include "cli/show/json_output.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/words/words.h"

namespace crossmill::cli {
namespace {

constexpr size_t kLargestMatrixFile = 1 << 20;

absl::Status RefuseOthers(const BuildFlags& flags) {
  const char* other = flags.load                  ? "--load"
                      : flags.attribute           ? "--attribute"
                      : flags.until_different > 0 ? "--until-different"
                                                  : nullptr;
  if (other == nullptr) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("{} is about one build: it cannot be used with --matrix", other));
}

absl::StatusOr<v1::SubmitMatrixResponse> Submit(MatrixRun& run) {
  v1::SubmitMatrixRequest request;
  const AtScopeEnd wiped([&request] { WipeValues(request.mutable_secrets()); });
  *request.mutable_submission() = run.submission;
  request.mutable_combinations()->Assign(run.combinations.begin(), run.combinations.end());
  request.set_idempotency_key(run.flags.idempotency_key);
  for (const v1::Secret& secret : run.offers.secrets) *request.add_secrets() = secret;
  const auto response = SubmitMatrixOnce(run.session, run.farm, request);
  if (!response.ok()) {
    const absl::Status& last = response.status();
    // The recipe's fault, not the command line's.
    if (absl::IsInvalidArgument(last) || absl::IsNotFound(last)) return WithExit(last, kExitBuildFailed);
    return last;
  }
  const std::string name = fmt::format("matrix m{}", response->matrix_id());
  run.notes.Note(response->existing()
                     ? fmt::format("{} was submitted before with this key", name)
                     : fmt::format("{}: builds {} to {}", name, *response->build_ids().begin(),
                                   *response->build_ids().rbegin()));
  RETURN_IF_ERROR(run.report.Submitted(response->matrix_id(), response->matrix_id(), run.notes));
  return response;
}

absl::StatusOr<int> Detach(MatrixRun& run) {
  ASSIGN_OR_RETURN(const v1::SubmitMatrixResponse submitted, Submit(run));
  run.notes.Finish();
  if (!run.session.json) {
    RETURN_IF_ERROR(run.session.Print(fmt::format("m{}\n", submitted.matrix_id())));
    return kExitOk;
  }
  Json builds = Json::array();
  for (const int64_t id : submitted.build_ids()) builds.push_back(id);
  RETURN_IF_ERROR(run.session.PrintJson({{"matrix_id", submitted.matrix_id()}, {"build_ids", builds}}));
  return kExitOk;
}

absl::StatusOr<std::vector<BuildReport>> Follow(MatrixRun& run, int64_t* matrix) {
  std::vector<std::unique_ptr<Progress>> each;
  std::vector<Progress*> progress;
  for (const v1::MatrixCombination& combination : run.combinations) {
    v1::MatrixPlace place;
    *place.mutable_combination() = combination.arguments();
    each.push_back(MakeNamedProgress(run.session, run.mode, FormatCombination(place)));
    progress.push_back(each.back().get());
  }
  FollowOptions options;
  // On a terminal the lines of many consoles at once say nothing to anybody.
  options.logs = run.mode == ProgressMode::kPlain || run.mode == ProgressMode::kJson ||
                 (run.mode == ProgressMode::kAuto && !run.session.env.ErrTerminal().is_terminal);
  if (run.submission.options().timeout() > 0)
    options.deadline = run.started + std::chrono::seconds(run.submission.options().timeout());
  const auto models = FollowMatrix(run.session, run.farm, run.notes, progress, options, run.offers,
                                   [&]() -> absl::StatusOr<v1::SubmitMatrixResponse> {
                                     ASSIGN_OR_RETURN(v1::SubmitMatrixResponse submitted, Submit(run));
                                     *matrix = submitted.matrix_id();
                                     return submitted;
                                   });
  for (Progress* one : progress) one->Finish();
  RETURN_IF_ERROR(models.status());
  std::vector<BuildReport> reports;
  for (const BuildModel& model : *models) {
    ASSIGN_OR_RETURN(reports.emplace_back(),
                     FetchReportOfEnd(run.session, model.view().id(), run.submission.recipe().dockerfile()));
  }
  return reports;
}

// Names, files: of all builds that succeeded, however others ended. The first error.
absl::Status TakeImages(MatrixRun& run, const std::vector<BuildReport>& reports) {
  absl::Status first;
  std::vector<std::vector<std::string>> files;
  for (const OutputTarget& output : run.outputs) {
    ASSIGN_OR_RETURN(files.emplace_back(), ExpandApart("-o dest=", output.destination, run.combinations));
  }
  std::vector<std::string> iid_files;
  if (!run.flags.iid_file.empty()) {
    ASSIGN_OR_RETURN(iid_files, ExpandApart("--iidfile", run.flags.iid_file, run.combinations));
  }
  for (size_t i = 0; i < reports.size(); ++i) {
    const v1::BuildView& build = reports[i].build;
    if (build.status() != v1::BUILD_STATUS_SUCCEEDED) continue;
    if (run.flags.push) first.Update(PushNames(run.session, build, run.notes));
    if (!iid_files.empty()) first.Update(WriteFileAtomic(iid_files[i], build.index_digest()));
    std::vector<OutputTarget> outputs = run.outputs;
    for (size_t k = 0; k < outputs.size(); ++k) outputs[k].destination = files[k][i];
    first.Update(WriteOutputs(run.session, build, outputs, false));
  }
  return first;
}

absl::Status Print(MatrixRun& run, const v1::MatrixView& matrix, const std::vector<BuildReport>& reports,
                   const std::vector<int>& codes) {
  Session& session = run.session;
  if (session.json) {
    Json document = MatrixJson(matrix);
    document["builds"] = Json::array();
    for (const BuildReport& report : reports) document["builds"].push_back(BuildJson(report));
    return session.PrintJson(document);
  }
  std::string text;
  if (run.mode == ProgressMode::kQuiet) {
    for (const BuildReport& report : reports) {
      if (report.build.status() == v1::BUILD_STATUS_SUCCEEDED) text += report.build.index_digest() + "\n";
    }
    RETURN_IF_ERROR(session.Print(text));
    text.clear();
  }
  const TextOptions options = session.OutText();
  if (run.mode != ProgressMode::kQuiet) text = RenderMatrixView(matrix, options);
  for (size_t i = 0; i < reports.size(); ++i) {
    const v1::BuildView& build = reports[i].build;
    const v1::Verdict verdict = OverallVerdict(build);
    const bool well =
        codes[i] == kExitOk && (verdict == v1::VERDICT_REPRODUCIBLE || verdict == v1::VERDICT_UNVERIFIED);
    if (well) continue;
    text += "\n" + RenderHeader(build, options) + RenderFailures(reports[i], options);
    for (const v1::CellView& cell : build.cells()) {
      if (cell.comparison().verdict() != v1::VERDICT_REPRODUCIBLE)
        text += RenderVerdict(build, cell, options, kPathsOfReport);
    }
  }
  if (run.mode == ProgressMode::kQuiet) {
    session.Tell(text);
    return absl::OkStatus();
  }
  return session.Print(text + "\n`crossmill show BUILD` tells all of one.\n");
}

}  // namespace

absl::StatusOr<std::vector<v1::MatrixCombination>> ReadMatrix(const BuildFlags& flags,
                                                              const v1::BuildOptions& options) {
  std::vector<v1::MatrixCombination> combinations;
  if (!IsMatrix(flags)) return combinations;
  RETURN_IF_ERROR(RefuseOthers(flags));
  MatrixSpec spec;
  if (!flags.matrix_file.empty()) {
    ASSIGN_OR_RETURN(const std::string text, ReadFile(flags.matrix_file, kLargestMatrixFile));
    ASSIGN_OR_RETURN(spec, ParseMatrixFile(flags.matrix_file, text));
  }
  std::vector<MatrixName> given;
  for (const std::string& text : flags.matrix) {
    ASSIGN_OR_RETURN(MatrixName name, ParseMatrixName(text));
    for (const MatrixName& known : given) {
      if (known.name == name.name)
        return absl::InvalidArgumentError(fmt::format("--matrix {}: the name is there twice", text));
    }
    given.push_back(std::move(name));
  }
  MergeNames(given, &spec);
  ASSIGN_OR_RETURN(combinations,
                   Combinations(spec, {options.platforms().begin(), options.platforms().end()}));
  RETURN_IF_ERROR(SetTags(flags.tags, &combinations));
  for (const std::string& output : flags.outputs) {
    ASSIGN_OR_RETURN(const OutputTarget target, ParseOutput(output));
    RETURN_IF_ERROR(ExpandApart("-o dest=", target.destination, combinations).status());
  }
  if (!flags.iid_file.empty())
    RETURN_IF_ERROR(ExpandApart("--iidfile", flags.iid_file, combinations).status());
  return combinations;
}

absl::StatusOr<int> RunMatrix(MatrixRun& run) {
  if (run.flags.detach) return Detach(run);
  int64_t id = 0;
  ASSIGN_OR_RETURN(const std::vector<BuildReport> reports, Follow(run, &id));
  v1::GetMatrixRequest request;
  request.set_matrix_id(id);
  ASSIGN_OR_RETURN(const v1::MatrixView matrix,
                   run.session.Call(*run.farm.matrices, &v1::Matrices::StubInterface::GetMatrix, request));
  const absl::Status taken = TakeImages(run, reports);
  run.notes.Finish();
  const Requirement& requirement = run.report.requirement();
  std::vector<int> codes;
  for (const BuildReport& report : reports) codes.push_back(ExitCodeOf(report.build, requirement));
  const int code = GravestExit(codes);
  RETURN_IF_ERROR(run.report.Ended(reports, taken.ok() ? code : ExitCodeOf(taken)));
  RETURN_IF_ERROR(Print(run, matrix, reports, codes));
  RETURN_IF_ERROR(taken);
  if (requirement.reproducible && code != kExitOk && matrix.status() == v1::BUILD_STATUS_SUCCEEDED)
    run.session.Tell(RequirementText(matrix.verdict(), code, requirement));
  return code;
}

}  // namespace crossmill::cli
