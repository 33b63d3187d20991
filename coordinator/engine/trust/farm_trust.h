// Whom and what the farm does not believe, as an operator or a comparison said: workers and accelerator sets,
// with the records of them.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "coordinator/core/standing/drained_workers.h"
#include "coordinator/engine/trust/distrust.h"
#include "coordinator/engine/trust/switched_off_accelerators.h"
#include "coordinator/storage/record_store.h"
#include "coordinator/storage/trust/accelerator_records.h"
#include "coordinator/storage/trust/trust_records.h"

namespace crossmill::coordinator {

// Thread safe, as its parts; the references outlive it.
class FarmTrust {
 public:
  // What is on record is in force when it returns.
  static absl::StatusOr<std::unique_ptr<FarmTrust>> Open(storage::RecordStore& records,
                                                         core::DrainedWorkers& drained, Clock& clock);

  storage::TrustRecords& committed() { return committed_; }
  Distrust& distrust() { return distrust_; }
  SwitchedOffAccelerators& accelerators() { return accelerators_; }

 private:
  FarmTrust(storage::RecordStore& records, std::unique_ptr<storage::RecordStore> reader,
            core::DrainedWorkers& drained, Clock& clock);

  // For long questions.
  std::unique_ptr<storage::RecordStore> reader_;
  storage::TrustRecords records_;
  storage::TrustRecords committed_;
  storage::AcceleratorRecords accelerator_records_;
  storage::AcceleratorRecords committed_accelerators_;
  Distrust distrust_;
  SwitchedOffAccelerators accelerators_;
};

}  // namespace crossmill::coordinator
