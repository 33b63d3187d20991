// `crossmill build --matrix`: the combinations submitted as one, followed, and told as one.
#pragma once

#include <chrono>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/commands/build/pipeline_report.h"
#include "cli/recipe/build_flags.h"
#include "cli/session/build_session.h"
#include "cli/session/session.h"
#include "cli/show/progress.h"
#include "crossmill/v1/matrix.pb.h"

namespace crossmill::cli {

// Of --matrix and --matrix-file: the combinations with their tags; none where neither is given. `platforms`:
// of the build. INVALID_ARGUMENT also for flags that a matrix does not go with.
absl::StatusOr<std::vector<v1::MatrixCombination>> ReadMatrix(const BuildFlags& flags,
                                                              const v1::BuildOptions& options);

struct MatrixRun {
  Session& session;
  Farm& farm;
  const BuildFlags& flags;
  ProgressMode mode;
  // What is told beside the builds.
  Progress& notes;
  PipelineReport& report;
  const ClientOffers& offers;
  // What the combinations have in common.
  v1::BuildSubmission submission;
  std::vector<v1::MatrixCombination> combinations;
  std::vector<OutputTarget> outputs;
  std::chrono::steady_clock::time_point started;
};

// The exit code: of its builds' the gravest.
absl::StatusOr<int> RunMatrix(MatrixRun& run);

}  // namespace crossmill::cli
