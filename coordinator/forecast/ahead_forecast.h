// What a RUN would compile, by the forecast of that step alone: the sources among its packages, the wheels
// that the farm has of them, and how the others are compiled.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "common/predict/commands/install_commands.h"
#include "coordinator/engine/step_cache.h"
#include "coordinator/forecast/farm_indexes.h"
#include "coordinator/forecast/layer_index.h"
#include "coordinator/storage/farm_wheel_records.h"
#include "coordinator/storage/record_store.h"
#include "coordinator/wheels/ahead_planner.h"
#include "crossmill/v1/predict.pb.h"

namespace crossmill::coordinator {

// Where the root is not known nothing is compiled ahead, nor from indexes that the farm's own does not stand
// for: an installer that asks elsewhere would not find the wheel. A version that may come out otherwise (what
// a source requires is known only once it is built) is compiled: at worst nobody takes the wheel. Thread
// safe. What it is given outlives it.
class AheadForecast final : public AheadPlanner {
 public:
  AheadForecast(BlobStore& blobs, std::unique_ptr<storage::RecordStore> committed, FarmIndexes& indexes)
      : blobs_(blobs),
        committed_(std::move(committed)),
        indexes_(indexes),
        cache_(*committed_, blobs_),
        layers_(blobs_),
        wheels_(committed_->connection()) {}

  std::vector<std::string> IndexUrls() const override;
  absl::StatusOr<AheadAnswer> Ask(const AheadQuestion& question, const std::stop_token& stop) override;

 private:
  class Answering;

  BlobStore& blobs_;
  const std::unique_ptr<storage::RecordStore> committed_;
  FarmIndexes& indexes_;
  StepCache cache_;
  LayerIndexes layers_;
  storage::FarmWheelRecords wheels_;
};

}  // namespace crossmill::coordinator
