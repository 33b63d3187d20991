#include "coordinator/storage/people/audit_heads.h"

#include "common/base/status.h"

namespace crossmill::storage {
namespace {

constexpr Sql kFindHead{"look up the end of an audit log",
                        "SELECT number, hash FROM audit_heads WHERE log = ?1"};
constexpr Sql kKeepHead{
    "keep the end of an audit log",
    "INSERT INTO audit_heads (log, number, hash) VALUES (?1, ?2, ?3) ON CONFLICT (log) DO "
    "UPDATE SET number = excluded.number, hash = excluded.hash WHERE excluded.number > number"};

}  // namespace

absl::StatusOr<std::pair<int64_t, std::string>> AuditHeads::Find(const std::string& log) {
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kFindHead));
  query->Bind(log);
  ASSIGN_OR_RETURN(const bool found, query->Step());
  if (!found) return std::pair<int64_t, std::string>();
  return std::pair<int64_t, std::string>(query->Int64(0), query->Text(1));
}

absl::Status AuditHeads::Keep(const std::string& log, int64_t number, const std::string& hash) {
  RecursiveMutexLock lock(connection_.mutex());
  return connection_.Run(kKeepHead, log, number, hash);
}

}  // namespace crossmill::storage
