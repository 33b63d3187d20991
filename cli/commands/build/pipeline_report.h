// What a run of `crossmill build` tells the pipeline that runs it: its files, and the status of its commit.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/pipeline/commit_status.h"
#include "cli/pipeline/pipeline_files.h"
#include "cli/recipe/build_flags.h"
#include "cli/session/session.h"
#include "cli/show/progress.h"

namespace crossmill::cli {

// Used by one thread. The references outlive it.
class PipelineReport {
 public:
  // The flags are in order, and each file is there: incomplete. An error of a file or of what a commit's
  // status needs.
  static absl::StatusOr<std::unique_ptr<PipelineReport>> Begin(Session& session, const BuildFlags& flags);

  // What is built: for the recipe's findings, and how somebody in the working folder names its Dockerfile.
  void SetRecipe(const v1::Recipe& recipe, const v1::BuildOptions& options);
  // Its build, or the first one of a matrix. From now on the commit's status is that it runs.
  absl::Status Submitted(int64_t first_build, int64_t matrix, Progress& progress);
  // Its builds have ended, and the command ends with `code`.
  absl::Status Ended(std::vector<BuildReport> builds, int code);
  // The command ends with an error: where its builds have not ended the files say so. An error of these is
  // told.
  void Broke(const absl::Status& error);

  const Requirement& requirement() const { return run_.requirement; }

 private:
  PipelineReport(Session& session, const BuildFlags& flags, PipelinePaths paths)
      : session_(session), flags_(flags), files_(std::move(paths)) {}
  // A status that cannot be set does not change what the build is: it is told.
  void TellForge(const std::function<void(std::string_view)>& note);

  Session& session_;
  const BuildFlags& flags_;
  PipelineFiles files_;
  PipelineRun run_;
  bool ended_ = false;
  std::optional<StatusTarget> target_;
  std::unique_ptr<http::HttpClient> http_;
};

}  // namespace crossmill::cli
