// The wheels that a build compiled, taken out of the layers of its steps. A job: it reads and writes blobs.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "coordinator/storage/farm_wheel_records.h"
#include "coordinator/storage/record_store.h"
#include "crossmill/v1/build.pb.h"

namespace crossmill::coordinator {

struct CompiledStep {
  // Index into WheelsSubmission.compilations.
  int compilation = 0;
  v1::Layer layer;
  int64_t execution = 0;
  double seconds = 0;
  bool emulated = false;
};

// A build of wheels that has ended, and the steps that succeeded.
struct HarvestQuestion {
  v1::WheelsSubmission wheels;
  int64_t build = 0;
  std::vector<CompiledStep> steps;
};

// One row for each step that left exactly one wheel of its project and version; a step that did not is passed
// over with a line in the log: whoever waits compiles it himself. A row without a key must not be kept.
std::vector<storage::FarmWheelRow> HarvestWheels(const HarvestQuestion& question, BlobStore& blobs,
                                                 storage::RecordStore& records, int64_t now_ns);

}  // namespace crossmill::coordinator
