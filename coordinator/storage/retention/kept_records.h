// Images by name, which policies remove, and the layers of executions, for `df`. Rows are read in pages, so
// that nobody waits long for the connection.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/storage/connection.h"

namespace crossmill::storage {

struct KeptImage {
  // The record's key: with the project in it (core::InProject).
  std::string name;
  // Of its root.
  std::string hash;
  // "registry", "import", "build 12".
  std::string origin;
  int64_t created_at = 0;
  // By more than its digest.
  bool named = true;
};

// Thread safe. The connection outlives it.
class KeptRecords {
 public:
  explicit KeptRecords(Connection& connection) : connection_(connection) {}

  // Names behind `behind`, by name.
  absl::StatusOr<std::vector<KeptImage>> Images(const std::string& behind, int limit);

  // For `df`: what blobs are of which nothing is kept. Hashes of rows with ids above `behind`; the last id.
  struct Page {
    std::vector<std::string> hashes;
    int64_t last = 0;
  };
  absl::StatusOr<Page> ExecutionLayers(int64_t behind, int limit);

 private:
  Connection& connection_;
};

}  // namespace crossmill::storage
