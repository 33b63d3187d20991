#include "cli/commands/build/pipeline_report.h"

#include "cli/commands/check_output.h"
#include "cli/show/exit_codes.h"
#include "common/base/status.h"
#include "common/check/check.h"
#include "common/http/curl_http_client.h"
#include "common/words/platform.h"

namespace crossmill::cli {
namespace {

// Somebody in the working folder names a file of the context so. Of what is no folder here: as the recipe has
// it.
std::string DockerfilePath(const BuildFlags& flags, const std::string& recorded) {
  if (!flags.file.empty() && flags.file != "-") return flags.file;
  std::string folder = flags.context;
  if (folder == "-" || folder.find("://") != std::string::npos || folder.starts_with("git@")) return recorded;
  while (folder.starts_with("./")) folder.erase(0, 2);
  while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
  return folder.empty() || folder == "." ? recorded : folder + "/" + recorded;
}

// By the recipe alone: the farm is not asked, and no file of the context is read.
Json CheckOf(const v1::Recipe& recipe, const v1::BuildOptions& options, const std::string& path) {
  const auto own = OwnPlatform();
  if (!own.ok()) return nullptr;
  check::CheckInput input;
  input.recipe = recipe;
  input.recipe.set_dockerfile_name(path);
  input.has_ignore_file = true;
  input.platforms.assign(options.platforms().begin(), options.platforms().end());
  input.build_platform = *own;
  return FindingsSarif(check::CheckRecipe(input), {path, recipe.dockerfile(), recipe.target()});
}

}  // namespace

absl::StatusOr<std::unique_ptr<PipelineReport>> PipelineReport::Begin(Session& session,
                                                                      const BuildFlags& flags) {
  std::unique_ptr<PipelineReport> report(new PipelineReport(
      session, flags, {flags.junit, flags.metadata_file, flags.sarif, flags.code_quality, flags.summary}));
  PipelineRun& run = report->run_;
  run.requirement = {!flags.require.empty(), static_cast<uint32_t>(flags.min_hosts)};
  run.page = session.env.VariableOr("CROSSMILL_URL");
  while (run.page.ends_with('/')) run.page.pop_back();
  run.incomplete = "it was not submitted yet when this was written";
  if (!flags.commit_status.empty()) {
    ASSIGN_OR_RETURN(report->target_,
                     ReadStatusTarget(flags.commit_status, flags.commit_status_name,
                                      [&](const std::string& name) { return session.env.Variable(name); }));
    report->http_ = http::MakeCurlHttpClient();
  }
  RETURN_IF_ERROR(report->files_.Write(run));
  return report;
}

void PipelineReport::SetRecipe(const v1::Recipe& recipe, const v1::BuildOptions& options) {
  run_.dockerfile = DockerfilePath(flags_, recipe.dockerfile_name());
  if (files_.TellsFindings()) files_.SetCheck(CheckOf(recipe, options, run_.dockerfile));
}

absl::Status PipelineReport::Submitted(int64_t first_build, int64_t matrix, Progress& progress) {
  run_.first_build = first_build;
  run_.matrix = matrix;
  run_.incomplete = "it was running when this was written";
  RETURN_IF_ERROR(files_.Write(run_));
  TellForge([&](std::string_view text) { progress.Note(text); });
  return absl::OkStatus();
}

absl::Status PipelineReport::Ended(std::vector<BuildReport> builds, int code) {
  run_.builds = std::move(builds);
  run_.exit_code = code;
  run_.incomplete.clear();
  ended_ = true;
  TellForge([&](std::string_view text) { session_.Tell(fmt::format("crossmill: {}\n", text)); });
  return files_.Write(run_);
}

void PipelineReport::Broke(const absl::Status& error) {
  if (ended_) return;
  run_.incomplete = Sv(error.message());
  run_.exit_code = ExitCodeOf(error);
  if (const absl::Status written = files_.Write(run_); !written.ok())
    session_.Tell(fmt::format("crossmill: {}\n", Sv(written.message())));
  TellForge([&](std::string_view text) { session_.Tell(fmt::format("crossmill: {}\n", text)); });
}

void PipelineReport::TellForge(const std::function<void(std::string_view)>& note) {
  if (!target_) return;
  const absl::Status set =
      SetCommitStatus(*http_, *target_, CommitStateOf(run_), StatusText(run_), RunUrl(run_));
  if (!set.ok()) note(Sv(set.message()));
}

}  // namespace crossmill::cli
