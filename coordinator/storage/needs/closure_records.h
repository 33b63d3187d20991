// Closures of images and trees that the record keeps (migration 0021).
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "coordinator/storage/connection.h"
#include "coordinator/storage/needs/message_digests.h"

namespace crossmill::storage {

struct ClosureKey {
  // A hash.
  std::string root;
  ReferenceForm form = ReferenceForm::kBytes;
  auto operator<=>(const ClosureKey&) const = default;
};

struct ClosureRow {
  ClosureKey key;
  // Hashes of 32 bytes, one after the other.
  std::string blobs;
  std::string manifests;
  std::string absent;
};

// Thread safe. The connection outlives it.
class ClosureRecords {
 public:
  explicit ClosureRecords(Connection& connection) : connection_(connection) {}

  absl::StatusOr<std::optional<ClosureRow>> Find(const ClosureKey& key);
  // Keys behind `behind`, in order.
  absl::StatusOr<std::vector<ClosureKey>> Keys(const ClosureKey& behind, int limit);
  // Each in one transaction: keep the lists short.
  absl::Status Put(absl::Span<const ClosureRow> rows);
  absl::Status Remove(absl::Span<const ClosureKey> keys);

 private:
  Connection& connection_;
};

}  // namespace crossmill::storage
