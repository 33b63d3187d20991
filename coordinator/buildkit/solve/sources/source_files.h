// Files that a client reads of a result: of a repository or a URL before its build, which is fetched for
// that, and of the image that a build made.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/buildkit/solve/client_builds.h"
#include "coordinator/buildkit/solve/client_results.h"
#include "coordinator/buildkit/solve/solve_services.h"
#include "moby/buildkit/v1/gateway.pb.h"

namespace crossmill::coordinator::buildkit {

// Of a file; length 0: to its end.
struct FileRange {
  int64_t offset = 0;
  int64_t length = 0;
};

// `build`: whose session has a token for the repository. NOT_FOUND in the words by which clients know that
// there is none; RESOURCE_EXHAUSTED: a limit of ResultTree or ClientBuilds. `builds`: has places for images.
absl::StatusOr<moby::buildkit::v1::frontend::FileStat> StatResultFile(
    const SolveServices& services, ClientBuilds& builds, const ClientBuild& build, ClientResult& result,
    const std::string& path, const std::stop_token& stop);
absl::StatusOr<std::string> ReadResultFile(const SolveServices& services, ClientBuilds& builds,
                                           const ClientBuild& build, ClientResult& result,
                                           const std::string& path, const FileRange& range, int64_t most,
                                           const std::stop_token& stop);
// `include`: a pattern for their names; empty: all.
absl::StatusOr<std::vector<moby::buildkit::v1::frontend::FileStat>> ListResultFolder(
    const SolveServices& services, ClientBuilds& builds, const ClientBuild& build, ClientResult& result,
    const std::string& path, const std::string& include, const std::stop_token& stop);

}  // namespace crossmill::coordinator::buildkit
