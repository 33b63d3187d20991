// A cell that was built again, compared with what the record has of it. A job: it reads records and blobs.
#pragma once

#include <cstdint>
#include <stop_token>

#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "coordinator/conclusion/conclusion.h"
#include "coordinator/storage/record_store.h"
#include "crossmill/v1/report.pb.h"

namespace crossmill::coordinator {

// `input` and `cell`: the rebuild's, which ConcludeCell made an image of. What is no longer in the store is
// told in the comparison. NOT_FOUND: build `recorded`, or its cell of this platform, is not on record.
absl::StatusOr<v1::RebuildComparison> CompareWithRecorded(int64_t recorded, const CellInput& input,
                                                          const v1::CellView& cell, BlobStore& blobs,
                                                          storage::RecordStore& records,
                                                          const std::stop_token& stop);

}  // namespace crossmill::coordinator
