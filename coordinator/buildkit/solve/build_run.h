// A build of the farm from its submission to its end, shown on the board of the BuildKit client that asked
// for it.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "coordinator/buildkit/solve/farm_caller.h"
#include "coordinator/buildkit/solve/solve_services.h"
#include "coordinator/buildkit/status/build_vertices.h"
#include "coordinator/buildkit/status/status_board.h"

namespace crossmill::coordinator::buildkit {

struct BuildRun {
  const FarmCaller& farm;
  StatusBoard& board;
  // As SolveServices.
  const std::function<std::string(int64_t)>& place_of_build;
  // For the excerpt of a failed step.
  std::string dockerfile_name;
  std::string dockerfile;
  std::stop_token stop;
  // It goes on when `stop` does.
  bool detached = false;
  // Told once the build has its number, and when all was seen that can be seen of it.
  std::function<void(int64_t build)> on_build;
  std::function<void(const BuildVertices&)> on_steps;
};

// Submits and waits for the end; when `stop` does, the build is cancelled. The request's secrets are wiped.
// `attached` is called once the build has its number, and what it returns lives until the build ends. An
// error of the build has the place in the Dockerfile and the vertex that failed; CANCELLED: `stop`.
absl::StatusOr<v1::BuildView> RunBuild(
    const BuildRun& run, v1::SubmitBuildRequest* request,
    const std::function<absl::StatusOr<std::shared_ptr<void>>(int64_t build)>& attached);

// Lines that only the farm can say of a build that ended well: the verdict and where to look, packages that
// were compiled.
void TellEnd(const BuildRun& run, const v1::BuildView& view);

}  // namespace crossmill::coordinator::buildkit
