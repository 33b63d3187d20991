// Where the pages of package indexes are that the farm keeps.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/digest.h"
#include "coordinator/storage/connection.h"

namespace crossmill::storage {

struct IndexPageRow {
  // As it was asked for; unique.
  std::string url;
  std::string content_type;
  std::string page_url;
  std::string etag;
  std::string last_modified;
  // Unix time in nanoseconds, as `saved_at`.
  int64_t fresh_until = 0;
  Digest body;
  int64_t saved_at = 0;
};

// Thread safe. The connection outlives it.
class IndexPageRecords {
 public:
  explicit IndexPageRecords(Connection& connection) : connection_(connection) {}

  // In place of what was known of its URL.
  absl::Status Put(const IndexPageRow& row);
  // NOT_FOUND: no page of that URL is kept.
  absl::StatusOr<IndexPageRow> Find(std::string_view url);

 private:
  Connection& connection_;
};

}  // namespace crossmill::storage
