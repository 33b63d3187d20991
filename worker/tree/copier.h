// Executes COPY, ADD and WORKDIR in a step's root, as BuildKit does, without a process of their own.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "common/base/blob_store.h"
#include "crossmill/v1/plan.pb.h"
#include "worker/tree/exporter.h"
#include "worker/tree/known_contents.h"

namespace crossmill::worker {

// Sources are resolved: ContextMatches, exports with their blob, inline files. INVALID_ARGUMENT and
// NOT_FOUND are the recipe's failure (an unknown user, a file where a directory must be); anything else is
// infrastructure, CANCELLED after a stop. Nothing outside `root` is touched. `known` gets the files that are
// blobs of the store as they are.
absl::Status ExecuteCopy(const v1::Copy& copy, const std::string& root, int64_t clamp_time, bool keep_times,
                         BlobStore& blobs, const std::stop_token& stop = {}, KnownContents* known = nullptr);

// Makes the folders that are missing, mode 0755, owned by the user. `made_time`: their mtime (seconds; with
// --source-date-epoch=none, where Commit does not clamp them).
absl::Status ExecuteWorkdir(const v1::Workdir& workdir, const std::string& root,
                            std::optional<int64_t> made_time = std::nullopt);

}  // namespace crossmill::worker
