// Resolves the sources of COPY and ADD in the context's Merkle tree.
#pragma once

#include <functional>

#include "absl/status/statusor.h"
#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "common/base/digest.h"
#include "common/pattern/effort.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::plan {

namespace reapi = ::build::bazel::remote::execution::v2;

using ReadDirectory = std::function<absl::StatusOr<reapi::Directory>(const Digest&)>;
using StoreDirectory = std::function<absl::StatusOr<Digest>(const reapi::Directory&)>;

// What `pattern` names below the directory `root` (pattern::MatchSources says what that is), in the order of
// a walk. A match keeps its base name, with --parents its path from the pivot on; the context itself and a
// pivot have no name. What is below a match is not a match of its own.
//
// Excludes are the rules of an ignore file for the path below a matched directory, with --parents from the
// pivot on; without it they say nothing about the match itself. Filtered directories are written through
// `store`.
// --parents with wildcards that find nothing gives an empty directory without a name: the destination is
// made.
//
// NOT_FOUND names a path that does not exist (and the part that does). Another pattern with wildcards that
// matches nothing gives no matches: Docker's builder accepts `COPY package.json lock* ./`. INVALID_ARGUMENT
// for a loop of links, a path that is longer than the kernel's (kLongestPath), and as `effort` (null:
// unlimited) has it. Errors of `read` and `store` pass through.
absl::StatusOr<v1::ContextMatches> MatchContext(const v1::ContextPattern& pattern, const Digest& root,
                                                const ReadDirectory& read, const StoreDirectory& store,
                                                pattern::Effort* effort = nullptr);

}  // namespace crossmill::plan
