#include "coordinator/storage/needs/closure_records.h"

#include "common/base/status.h"

namespace crossmill::storage {
namespace {

constexpr Sql kFindClosure{"look up what is behind a root",
                           "SELECT blobs, manifests, absent FROM closures WHERE root = ?1 AND form = ?2"};
constexpr Sql kClosureKeys{
    "list the roots whose closures are kept",
    "SELECT root, form FROM closures WHERE (root, form) > (?1, ?2) ORDER BY root, form LIMIT ?3"};
constexpr Sql kPutClosure{
    "note what is behind a root",
    "INSERT OR REPLACE INTO closures (root, form, blobs, manifests, absent) VALUES (?1, ?2, ?3, ?4, ?5)"};
constexpr Sql kRemoveClosure{"forget what is behind a root",
                             "DELETE FROM closures WHERE root = ?1 AND form = ?2"};

}  // namespace

absl::StatusOr<std::optional<ClosureRow>> ClosureRecords::Find(const ClosureKey& key) {
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kFindClosure));
  query->Bind(key.root, static_cast<int>(key.form));
  ASSIGN_OR_RETURN(const bool row, query->Step());
  if (!row) return std::nullopt;
  return ClosureRow{key, std::string(query->Bytes(0)), std::string(query->Bytes(1)),
                    std::string(query->Bytes(2))};
}

absl::StatusOr<std::vector<ClosureKey>> ClosureRecords::Keys(const ClosureKey& behind, int limit) {
  std::vector<ClosureKey> keys;
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kClosureKeys));
  query->Bind(behind.root, static_cast<int>(behind.form), limit);
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return keys;
    keys.push_back({std::string(query->Text(0)), static_cast<ReferenceForm>(query->Int64(1))});
  }
}

absl::Status ClosureRecords::Put(absl::Span<const ClosureRow> rows) {
  return connection_.Transact([&]() -> absl::Status {
    RecursiveMutexLock lock(connection_.mutex());
    for (const ClosureRow& row : rows) {
      RETURN_IF_ERROR(connection_.Run(kPutClosure, row.key.root, static_cast<int>(row.key.form),
                                      Blob{row.blobs}, Blob{row.manifests}, Blob{row.absent}));
    }
    return absl::OkStatus();
  });
}

absl::Status ClosureRecords::Remove(absl::Span<const ClosureKey> keys) {
  return connection_.Transact([&]() -> absl::Status {
    RecursiveMutexLock lock(connection_.mutex());
    for (const ClosureKey& key : keys)
      RETURN_IF_ERROR(connection_.Run(kRemoveClosure, key.root, static_cast<int>(key.form)));
    return absl::OkStatus();
  });
}

}  // namespace crossmill::storage
