// Exports: the subtree that another stage copies out of a root (COPY --from), as a canonical tar.
//
// The tar has one folder per match, numbered from 0 in bytewise order of the matched paths (all numbers with
// the same count of digits, so that the tar's order is theirs), holding exactly one entry tree named by the
// match's base name; with --parents, the path below the pivot "/./" (of the pivot itself its contents), whose
// folders have their own metadata. "/" is named "rootfs". docs/formats.md.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "common/base/digest.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::worker {

// `root` is a merged root that nobody writes to. Links are followed inside the root for what the pattern
// names, kept below. NOT_FOUND: nothing matches, or a matched link leads nowhere (in the root).
absl::StatusOr<Digest> MakeExport(const v1::Export& wanted, const std::string& root, BlobStore& blobs);

}  // namespace crossmill::worker
