// What COPY and ADD copy: subtrees of the context, files in the Dockerfile, exports of other stages.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "crossmill/v1/plan.pb.h"
#include "worker/tree/copy_target.h"

namespace crossmill::worker {

struct CopyManner {
  // An archive is recognised by content and extracted.
  bool extract = false;
  // The match's name carries folders that are made below the destination.
  bool parents = false;
};

// How many files and folders a source names; 2 may stand for more.
absl::StatusOr<int> CountThings(const v1::CopySource& source, BlobStore& blobs);

// Each copies one source to the target. INVALID_ARGUMENT is the recipe's failure; trouble with blobs is
// UNAVAILABLE or DATA_LOSS.
absl::Status CopyContextMatch(const v1::ContextMatch& match, const CopyManner& manner, BlobStore& blobs,
                              CopyTarget& target);
absl::Status CopyInlineFile(const v1::InlineFile& file, CopyTarget& target);
absl::Status CopyExport(const v1::ExportSource& source, BlobStore& blobs, CopyTarget& target);

// Puts what RUN --mount mounts into `folder`, which exists and is empty, and returns its path: one file or
// folder with its own metadata, owners and times as COPY gives them. Errors as above.
absl::StatusOr<std::string> PlaceMountSource(const v1::CopySource& source, const std::string& folder,
                                             int64_t clamp_time, bool keep_times, BlobStore& blobs);

}  // namespace crossmill::worker
