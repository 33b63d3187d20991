#include "coordinator/storage/trust/accelerator_records.h"

#include "common/base/status.h"

namespace crossmill::storage {
namespace {

// Executions that a set made, and those that installed what these compiled.
#define REACHED_EXECUTIONS                                                                    \
  "WITH RECURSIVE reached (id) AS (SELECT id FROM executions WHERE accelerator = ?1 AND "     \
  "accelerator <> '' AND accelerator_equal = 0 UNION SELECT packages.execution FROM reached " \
  "JOIN packages ON packages.compiled_by_execution = reached.id "                             \
  "WHERE packages.compiled_by_execution <> 0) SELECT id FROM reached"

constexpr Sql kListSwitchedOff{"list the accelerator sets that are switched off",
                               "SELECT told FROM switched_off_accelerators ORDER BY digest"};
constexpr Sql kSwitchOff{
    "switch an accelerator set off",
    "INSERT OR IGNORE INTO switched_off_accelerators (digest, off_at, told) VALUES (?1, ?2, ?3)"};
constexpr Sql kAllow{"allow an accelerator set", "DELETE FROM switched_off_accelerators WHERE digest = ?1"};
constexpr Sql kForgetWheels{"forget the wheels that an accelerator set's results compiled",
                            "DELETE FROM farm_wheels WHERE execution IN (" REACHED_EXECUTIONS ")"};
constexpr Sql kTakeBackMade{
    "take the results of an accelerator set back",
    "UPDATE executions SET distrusted_at = ?2 WHERE distrusted_at IS NULL AND id IN (" REACHED_EXECUTIONS
    ")"};

}  // namespace

absl::StatusOr<std::vector<v1::SwitchedOffAccelerator>> AcceleratorRecords::SwitchedOff() {
  std::vector<v1::SwitchedOffAccelerator> accelerators;
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kListSwitchedOff));
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return accelerators;
    RETURN_IF_ERROR(ParseRecord(query->Bytes(0), "an accelerator set that is switched off",
                                &accelerators.emplace_back()));
  }
}

absl::Status AcceleratorRecords::SwitchOff(const v1::SwitchedOffAccelerator& accelerator) {
  const std::string told = accelerator.SerializeAsString();
  RecursiveMutexLock lock(connection_.mutex());
  return connection_.Run(kSwitchOff, accelerator.digest(), accelerator.at(), Blob{told});
}

absl::Status AcceleratorRecords::Allow(const std::string& digest) {
  RecursiveMutexLock lock(connection_.mutex());
  return connection_.Run(kAllow, digest);
}

absl::StatusOr<int64_t> AcceleratorRecords::TakeBack(const std::string& digest, int64_t now_ns) {
  int64_t taken = 0;
  RETURN_IF_ERROR(connection_.Transact([&]() -> absl::Status {
    RecursiveMutexLock lock(connection_.mutex());
    RETURN_IF_ERROR(connection_.Run(kForgetWheels, digest));
    RETURN_IF_ERROR(connection_.Run(kTakeBackMade, digest, now_ns));
    taken = connection_.Changes();
    return absl::OkStatus();
  }));
  return taken;
}

}  // namespace crossmill::storage
