// The step cache: finished executions by key, under the durability rule. An entry is a hit only if
// everything its consumer needs is in the blob store; otherwise the walk falls back to executing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "coordinator/core/build_state.h"
#include "coordinator/storage/record_store.h"

namespace crossmill::coordinator {

class StepCache {
 public:
  StepCache(storage::RecordStore& records, BlobStore& blobs) : records_(records), blobs_(blobs) {}

  struct Hit {
    core::StepFact fact;
    // The build that executed it.
    int64_t build = 0;
  };
  // `since`: only executions begun then or later (Unix nanoseconds; 0: all).
  absl::StatusOr<std::optional<Hit>> Find(const std::string& key, int64_t since, bool forbid_emulation,
                                          bool forbid_acceleration = false);
  absl::StatusOr<std::optional<core::StageExport>> FindExport(const std::string& key);
  // Layer and manifest are in the blob store.
  bool IsDurable(const v1::Layer& layer);

 private:
  storage::RecordStore& records_;
  BlobStore& blobs_;
};

}  // namespace crossmill::coordinator
