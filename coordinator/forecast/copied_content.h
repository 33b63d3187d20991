// What COPY, ADD and bind mounts put into a root, done on a merged root instead of a file system.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "coordinator/forecast/merged_root.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::coordinator {

// The root of another stage as it is in the end. Null: it is not known.
using RootOfStage = std::function<MergedRoot*(uint32_t stage)>;

// Sources of the context must be resolved, as in a plan. Returns what is not known of the result: sentences.
// Owners, modes and times are nothing that a prediction looks at. RESOURCE_EXHAUSTED: more than 300,000 files
// or 200 levels; else errors of the store.
absl::StatusOr<std::vector<std::string>> CopyContent(const v1::Copy& copy, const RootOfStage& stages,
                                                     BlobStore& blobs, MergedRoot& root);

// Likewise what a bind mount of a RUN shows at its target.
absl::StatusOr<std::vector<std::string>> MountContent(const v1::RunMount& mount, const RootOfStage& stages,
                                                      BlobStore& blobs, MergedRoot& root);

}  // namespace crossmill::coordinator
