// Errors of reading a step's blobs.
#pragma once

#include "absl/status/status.h"

namespace crossmill::worker {

// A blob that is missing or wrong is never the recipe's fault.
inline absl::Status BlobStatus(const absl::Status& status) {
  if (absl::IsNotFound(status) || absl::IsInvalidArgument(status))
    return absl::UnavailableError(status.message());
  return status;
}

}  // namespace crossmill::worker
