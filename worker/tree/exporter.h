// Exports: the subtree that another stage copies out of a root (COPY --from), as a canonical tar.
//
// The tar has one folder per match, numbered from 0 in bytewise order of the matched paths (all numbers with
// the same count of digits, so that the tar's order is theirs), holding exactly one entry tree named by the
// match's base name; with --parents, the path below the pivot "/./" (of the pivot itself its contents), whose
// folders have their own metadata. "/" is named "rootfs". --parents that finds nothing has a numbered folder
// with nothing in it. docs/formats.md.
#pragma once

#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "common/base/digest.h"
#include "crossmill/v1/plan.pb.h"
#include "crossmill/v1/result.pb.h"

namespace crossmill::worker {

// `root` is a merged root that nobody writes to. What the pattern names is found as in the context
// (pattern::MatchSources). NOT_FOUND: there is no such path; INVALID_ARGUMENT: a loop of links; CANCELLED
// after a stop. `paths`, if given, gets what the export was made of: the comparison judges differences by it.
absl::StatusOr<Digest> MakeExport(const v1::Export& wanted, const std::string& root, BlobStore& blobs,
                                  const std::stop_token& stop = {}, v1::ExportedPaths* paths = nullptr);

}  // namespace crossmill::worker
