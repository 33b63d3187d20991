// Fetches everything a report needs from the coordinator.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/session/session.h"
#include "cli/show/render_build.h"

namespace crossmill::cli {

// View, packages and, for failed steps, the last `lines` of their consoles. `build` as in GetBuild;
// `dockerfile` may be empty: a failed build's is then fetched.
absl::StatusOr<BuildReport> FetchReport(Session& session, std::string_view build,
                                        const std::string& dockerfile, size_t lines = 20);

// The same of a build that was followed to its end: a connection that breaks then, or a coordinator that is
// started again, is waited for, some seconds, since the build's end is known and only its report is missing.
absl::StatusOr<BuildReport> FetchReportOfEnd(Session& session, int64_t build, const std::string& dockerfile);

// Its packages, and what changed in them since the last build of the same recipe.
absl::Status GetPackages(Session& session, int64_t build_id, BuildReport* report);

// The word of --platform as it is displayed; empty for an empty one. INVALID_ARGUMENT.
absl::StatusOr<std::string> NormalisedPlatform(const std::string& text);

// What its steps fetched; `one_by_one`: not only counted. Nothing from a coordinator that knows no fetches.
absl::Status GetFetches(Session& session, int64_t build_id, bool one_by_one, BuildReport* report);

// Everything an execution wrote, chunk by chunk; with `follow` until it ends. The error of `sink` ends it.
absl::Status ReadConsole(Session& session, int64_t execution, bool follow,
                         const std::function<absl::Status(const v1::LogChunk&)>& sink);

}  // namespace crossmill::cli
