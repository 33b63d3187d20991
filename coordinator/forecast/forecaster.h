// `crossmill predict`: what each Python package of a recipe will be on each platform, and of a build that
// was, beside what came.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "coordinator/core/standing/scope.h"
#include "coordinator/engine/farm_reader.h"
#include "coordinator/engine/planning.h"
#include "coordinator/engine/step_cache.h"
#include "coordinator/forecast/farm_indexes.h"
#include "coordinator/forecast/layer_index.h"
#include "coordinator/storage/record_store.h"
#include "crossmill/v1/predict.pb.h"

namespace crossmill::coordinator {

struct ForecastCalls {
  // What is being done, for people; on the caller's thread. May be empty.
  std::function<void(const std::string& what)> on_progress;
  // Ends it with CANCELLED.
  std::stop_token stop;
  // Whose past is told.
  core::Scope scope = core::Scope::OfFarm();
};

// Thread safe. What it is given outlives it. It holds up nothing of the farm's: it reads the record over a
// connection of its own, and runs nothing.
class Forecaster {
 public:
  // `reader` knows builds that are under way, too.
  Forecaster(PlanningParts parts, FarmReader& reader, std::unique_ptr<storage::RecordStore> committed,
             FarmIndexes& indexes, v1::Platform build_platform)
      : planning_parts_(std::move(parts)),
        reader_(reader),
        committed_(std::move(committed)),
        indexes_(indexes),
        build_platform_(std::move(build_platform)),
        cache_(*committed_, planning_parts_.blobs),
        layers_(planning_parts_.blobs) {}

  // INVALID_ARGUMENT with FILE:LINE:COLUMN for what is wrong with the recipe on all platforms. A platform
  // that its bases lack, and whatever else concerns one of them, is told in the forecast.
  absl::StatusOr<v1::Forecast> Predict(const v1::BuildSubmission& submission, const ForecastCalls& calls);

  // Of a build that has been planned: its plan, with the package indexes as they were then. NOT_FOUND: the
  // scope sees no such build, or it has no plan.
  absl::StatusOr<v1::Forecast> PredictAgainst(int64_t build, const ForecastCalls& calls);

 private:
  // What the step cache has of the predicted steps, where that is something else.
  absl::Status AddCached(v1::Prediction& prediction);
  absl::Status AddObserved(const v1::BuildView& view, v1::Forecast& forecast);
  // How long sources among the packages took to compile here, and the matrix.
  absl::Status Finish(const core::Scope& scope, v1::Forecast& forecast);

  const PlanningParts planning_parts_;
  FarmReader& reader_;
  const std::unique_ptr<storage::RecordStore> committed_;
  FarmIndexes& indexes_;
  const v1::Platform build_platform_;
  StepCache cache_;
  LayerIndexes layers_;
};

}  // namespace crossmill::coordinator
