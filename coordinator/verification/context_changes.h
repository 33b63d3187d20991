// Which files of two contexts differ, by their Merkle trees in the blob store.
#pragma once

#include <cstddef>

#include "common/base/blob_store.h"
#include "crossmill/v1/history.pb.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::coordinator {

struct ContextLimits {
  // Changes that are listed; all are counted.
  size_t changes = 100;
  // Folders that are read, of both sides together.
  size_t folders = 4000;
};

// Fills in context, context_total and context_problem. Only folders whose digests differ are read. A folder
// that is no longer in the store, and what is over the limits, is told as a problem.
void AddContextChanges(const v1::Recipe& before, const v1::Recipe& now, BlobStore& blobs,
                       const ContextLimits& limits, v1::BuildChanges* changes);

}  // namespace crossmill::coordinator
