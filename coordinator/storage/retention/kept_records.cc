#include "coordinator/storage/retention/kept_records.h"

#include "common/base/digest.h"
#include "common/base/status.h"
#include "coordinator/core/standing/scope.h"

namespace crossmill::storage {
namespace {

constexpr Sql kKeptImages{
    "list images by name",
    "SELECT name, root_hash, origin, created_at FROM images WHERE name > ?1 ORDER BY name LIMIT ?2"};
constexpr Sql kExecutionLayers{
    "list layers", "SELECT id, tar_hash, manifest_hash FROM executions WHERE id > ?1 ORDER BY id LIMIT ?2"};

}  // namespace

absl::StatusOr<std::vector<KeptImage>> KeptRecords::Images(const std::string& behind, int limit) {
  std::vector<KeptImage> images;
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kKeptImages));
  query->Bind(behind, limit);
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return images;
    images.push_back({std::string(query->Text(0)), std::string(query->Text(1)), std::string(query->Text(2)),
                      query->Int64(3), !core::TextOfKey(query->Text(0)).starts_with("sha256:")});
  }
}

absl::StatusOr<KeptRecords::Page> KeptRecords::ExecutionLayers(int64_t behind, int limit) {
  Page page{.hashes = {}, .last = behind};
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kExecutionLayers));
  query->Bind(behind, limit);
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return page;
    page.last = query->Int64(0);
    for (const int column : {1, 2}) {
      if (!query->IsNull(column) && IsSha256Hex(query->Text(column)))
        page.hashes.emplace_back(query->Text(column));
    }
  }
}

}  // namespace crossmill::storage
