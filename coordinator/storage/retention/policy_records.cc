#include "coordinator/storage/retention/policy_records.h"

#include "common/base/status.h"

namespace crossmill::storage {
namespace {

constexpr Sql kListPolicies{"list policies", "SELECT name, value FROM policies"};
constexpr Sql kSetPolicy{"set a policy",
                         "INSERT INTO policies (name, value, set_at) VALUES (?1, ?2, ?3) ON CONFLICT (name) "
                         "DO UPDATE SET value = excluded.value, set_at = excluded.set_at"};
constexpr Sql kResetPolicy{"reset a policy", "DELETE FROM policies WHERE name = ?1"};
constexpr Sql kListPins{"list pinned builds", "SELECT build, pinned_at, pinned_by FROM pins ORDER BY build"};
constexpr Sql kPin{"pin a build",
                   "INSERT OR IGNORE INTO pins (build, pinned_at, pinned_by) VALUES (?1, ?2, ?3)"};
constexpr Sql kUnpin{"unpin a build", "DELETE FROM pins WHERE build = ?1"};

}  // namespace

absl::StatusOr<std::map<std::string, std::string>> PolicyRecords::List() {
  std::map<std::string, std::string> policies;
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kListPolicies));
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return policies;
    policies.emplace(query->Text(0), query->Text(1));
  }
}

absl::Status PolicyRecords::Set(const std::string& name, const std::string& value, int64_t now_ns) {
  RecursiveMutexLock lock(connection_.mutex());
  return connection_.Run(kSetPolicy, name, value, now_ns);
}

absl::Status PolicyRecords::Reset(const std::string& name) {
  RecursiveMutexLock lock(connection_.mutex());
  return connection_.Run(kResetPolicy, name);
}

absl::StatusOr<std::vector<PinRow>> PolicyRecords::Pins() {
  std::vector<PinRow> pins;
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kListPins));
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return pins;
    pins.push_back({query->Int64(0), query->Int64(1), std::string(query->Text(2))});
  }
}

absl::Status PolicyRecords::Pin(const PinRow& pin) {
  RecursiveMutexLock lock(connection_.mutex());
  const absl::Status pinned = connection_.Run(kPin, pin.build, pin.pinned_at, pin.pinned_by);
  if (!absl::IsFailedPrecondition(pinned)) return pinned;
  return absl::NotFoundError(fmt::format("there is no build {}", pin.build));
}

absl::StatusOr<bool> PolicyRecords::Unpin(int64_t build) {
  RecursiveMutexLock lock(connection_.mutex());
  RETURN_IF_ERROR(connection_.Run(kUnpin, build));
  return connection_.Changes() > 0;
}

}  // namespace crossmill::storage
