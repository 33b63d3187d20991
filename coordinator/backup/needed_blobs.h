// Everything that a record needs of a blob store: what it refers to and what is behind that, down to the
// files of trees, the layers of images and the parts of blobs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "coordinator/backup/stored_blobs.h"
#include "coordinator/storage/connection.h"
#include "coordinator/storage/needs/record_references.h"

namespace crossmill::backup {

struct MissingBlob {
  Digest digest;
  storage::NeededBy by = storage::NeededBy::kCache;
  // "image docker.io/library/app:1", "step results".
  std::string what;
};

struct NeededBlobs {
  // Those that are there, by hash, with the gravest of what needs them.
  struct Present {
    int64_t size = 0;
    // Only in the bucket behind the disk.
    bool in_bucket = false;
    storage::NeededBy by = storage::NeededBy::kCache;
  };
  absl::flat_hash_map<std::string, Present> present;
  // Those that are not, or cannot be read where others are behind them, each once.
  std::vector<MissingBlob> missing;
  // Of `missing`.
  int64_t CountMissing(storage::NeededBy by) const;
};

// Reads the record as it is at one moment, and of the store only what has to be read to know what is behind
// it. Hashes in `without` count as not there.
absl::StatusOr<NeededBlobs> FindNeeded(storage::Connection& record, const StoredBlobs& blobs,
                                       const absl::flat_hash_set<std::string>& without = {});

// "a, b, c and 4 more": what needs them, for a sentence.
std::string NameNeeders(const std::vector<MissingBlob>& missing, storage::NeededBy by);

}  // namespace crossmill::backup
