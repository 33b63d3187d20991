// Accelerator sets that the farm does not use any more, because a worker compared what one made with emulated
// executions and found the set at fault (docs/accelerators.md).
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "coordinator/storage/trust/accelerator_records.h"
#include "crossmill/v1/accelerators.pb.h"

namespace crossmill::coordinator {

// Thread safe; the references outlive it.
class SwitchedOffAccelerators {
 public:
  // `records` is the connection that the farm writes on, `committed` one for questions.
  SwitchedOffAccelerators(storage::AcceleratorRecords& records, storage::AcceleratorRecords& committed,
                          Clock& clock)
      : records_(records), committed_(committed), clock_(clock) {}

  // Of the record: at the start.
  absl::Status Restore();
  bool IsOff(const std::string& digest) const;
  // In order.
  std::vector<std::string> Digests() const;
  absl::StatusOr<std::vector<v1::SwitchedOffAccelerator>> List() { return committed_.SwitchedOff(); }

  // From now on no step gets it, and nothing that it made is used by what comes. How many results were taken
  // back; -1 if it was off already. At most 1000 sets: more are RESOURCE_EXHAUSTED. If the record cannot be
  // written it is off until the coordinator ends.
  absl::StatusOr<int64_t> SwitchOff(const v1::SwitchedOffAccelerator& accelerator);
  // It is used again; what was taken back stays so. NOT_FOUND if it is not off.
  absl::Status Allow(const std::string& digest);

 private:
  storage::AcceleratorRecords& records_;
  storage::AcceleratorRecords& committed_;
  Clock& clock_;
  // Held over a change of the record and of memory; taken before `mutex_`.
  Mutex changing_;
  mutable Mutex mutex_;
  std::set<std::string> digests_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill::coordinator
