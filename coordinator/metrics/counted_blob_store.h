// A blob store whose bytes are counted as they come and go: what clients and workers are served from.
#pragma once

#include <memory>

#include "common/base/blob_store.h"
#include "coordinator/metrics/farm_counters.h"

namespace crossmill::coordinator {

// Counts bytes of blobs as they are in the store, whatever the wire makes of them. A blob that is handed over
// as an open file counts whole; one that becomes part of another (WriteBlob) was not sent. Both references
// must outlive it.
std::unique_ptr<BlobStore> MakeCountedBlobStore(BlobStore& blobs, FarmCounters& counters);

}  // namespace crossmill::coordinator
