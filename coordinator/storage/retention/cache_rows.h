// Rows that say where something is that can be had again: pages of indexes, what was fetched, exports,
// compressed layers, unpacked images, farm wheels, statements of workers. Pages of them, and their removal.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "coordinator/storage/connection.h"

namespace crossmill::storage {

enum class CacheRowKind {
  kIndexPages,
  kFetchedFiles,
  kFetchedTrees,
  kExports,
  kCompressedLayers,
  kUnpackedImages,
  kFarmWheels,
  kStatements,
};

struct CacheRow {
  // What the table has them by; the second is empty where one is enough.
  Value key;
  std::string second_key;
  // The blob that it is about; of a statement the layer that its execution made, perhaps empty.
  std::string hash;
  // When it was saved or used last, as far as the row says (Unix nanoseconds); 0: it does not.
  int64_t at = 0;
};

// Thread safe. The connection outlives it.
class CacheRows {
 public:
  explicit CacheRows(Connection& connection) : connection_(connection) {}

  // Behind `behind`, in the order of their keys; nullptr: from the beginning. Statements of builds that run
  // or are pinned are left out.
  absl::StatusOr<std::vector<CacheRow>> Page(CacheRowKind kind, const CacheRow* behind, int limit);
  // Those that are about the same blob still, in one transaction: keep the list short. How many there were.
  absl::StatusOr<int64_t> Remove(CacheRowKind kind, absl::Span<const CacheRow> rows);

 private:
  Connection& connection_;
};

}  // namespace crossmill::storage
