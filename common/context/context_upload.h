// Sends what the farm does not have of a scanned context.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "common/context/context_scan.h"

namespace crossmill::context {

struct UploadResult {
  int64_t blobs = 0;
  int64_t bytes = 0;
};

// Called now and then from several threads, one at a time, with what was sent so far and the total.
using UploadProgress = std::function<void(const UploadResult& sent, const UploadResult& total)>;

// ABORTED names a file that changed since it was scanned. CANCELLED soon after `stop` does.
absl::StatusOr<UploadResult> UploadContext(const ScannedContext& context, const std::string& folder,
                                           BlobStore& store, const UploadProgress& progress,
                                           std::stop_token stop = {});

}  // namespace crossmill::context
