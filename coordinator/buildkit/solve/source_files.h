// Files that a client reads of a result: of a repository or a URL before its build, which is fetched for
// that.
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

// `build`: whose session has a token for the repository. NOT_FOUND in the words by which clients know that
// there is none; UNIMPLEMENTED: of a build's result.
absl::StatusOr<moby::buildkit::v1::frontend::FileStat> StatResultFile(const SolveServices& services,
                                                                      const ClientBuild& build,
                                                                      ClientResult& result,
                                                                      const std::string& path,
                                                                      const std::stop_token& stop);
absl::StatusOr<std::string> ReadResultFile(const SolveServices& services, const ClientBuild& build,
                                           ClientResult& result, const std::string& path, int64_t most,
                                           const std::stop_token& stop);
// `include`: a pattern for their names; empty: all.
absl::StatusOr<std::vector<moby::buildkit::v1::frontend::FileStat>> ListResultFolder(
    const SolveServices& services, const ClientBuild& build, ClientResult& result, const std::string& path,
    const std::string& include, const std::stop_token& stop);

}  // namespace crossmill::coordinator::buildkit
