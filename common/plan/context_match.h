// Resolves the sources of COPY and ADD in the context's Merkle tree.
#pragma once

#include <functional>

#include "absl/status/statusor.h"
#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "common/base/digest.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::plan {

namespace reapi = ::build::bazel::remote::execution::v2;

using ReadDirectory = std::function<absl::StatusOr<reapi::Directory>(const Digest&)>;
using StoreDirectory = std::function<absl::StatusOr<Digest>(const reapi::Directory&)>;

// What `pattern` names below the directory `root`, in bytewise order of the paths.
//
// - Without --parents the pattern's segments are matched as Go's filepath.Match does; a match keeps its
//   base name (the context itself: empty name and path). Symbolic links on the way and as the source
//   itself are followed inside the context; absolute ones begin at its root, `..` stops there.
// - With --parents the part before the pivot `/./` is followed likewise; behind it `**` is any number of
//   folders, nothing is followed, and a match keeps its path from the pivot on. What is below a match is
//   not a match of its own.
// - Excludes are matched with the rules of ignore files against the path below a matched directory (or
//   the name of a matched file; with --parents the path from the pivot on). Filtered directories are
//   written through `store`.
//
// NOT_FOUND names a path that does not exist (and the part that is missing). A pattern with wildcards
// that matches nothing gives no matches: Docker's builder accepts `COPY package.json lock* ./`.
// FAILED_PRECONDITION for a loop of links. Errors of `read` and `store` pass through.
absl::StatusOr<v1::ContextMatches> MatchContext(const v1::ContextPattern& pattern, const Digest& root,
                                                const ReadDirectory& read, const StoreDirectory& store);

}  // namespace crossmill::plan
