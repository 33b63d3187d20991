#include "coordinator/engine/trust/farm_trust.h"

#include <utility>

#include "common/base/status.h"

namespace crossmill::coordinator {

FarmTrust::FarmTrust(storage::RecordStore& records, std::unique_ptr<storage::RecordStore> reader,
                     core::DrainedWorkers& drained, Clock& clock)
    : reader_(std::move(reader)),
      records_(records.connection()),
      committed_(reader_->connection()),
      accelerator_records_(records.connection()),
      committed_accelerators_(reader_->connection()),
      distrust_(records_, committed_, drained, clock),
      accelerators_(accelerator_records_, committed_accelerators_, clock) {}

absl::StatusOr<std::unique_ptr<FarmTrust>> FarmTrust::Open(storage::RecordStore& records,
                                                           core::DrainedWorkers& drained, Clock& clock) {
  ASSIGN_OR_RETURN(auto reader, records.OpenAnother());
  std::unique_ptr<FarmTrust> trust(new FarmTrust(records, std::move(reader), drained, clock));
  RETURN_IF_ERROR(trust->distrust_.Restore());
  RETURN_IF_ERROR(trust->accelerators_.Restore());
  return trust;
}

}  // namespace crossmill::coordinator
