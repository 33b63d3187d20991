#include "coordinator/rebuild/recorded_cell.h"

#include <optional>
#include <utility>

#include "common/base/status.h"
#include "common/oci/image.h"
#include "common/plan/plan_graph.h"
#include "coordinator/conclusion/recorded_executions.h"
#include "coordinator/conclusion/step_differences.h"
#include "coordinator/core/build_state.h"
#include "coordinator/verdict/witnesses.h"

namespace crossmill::coordinator {

const v1::StepView* FindStepView(const v1::BuildView& view, uint32_t stage, uint32_t number) {
  if (static_cast<int>(stage) >= view.stages_size()) return nullptr;
  for (const v1::StepView& step : view.stages(static_cast<int>(stage)).steps()) {
    if (step.number() == number) return &step;
  }
  return nullptr;
}

std::vector<std::string> RootLayers(const v1::BuildPlan& plan, uint32_t stage, const LayerOfStep& layer_of) {
  const v1::StagePlan& at = plan.stages(static_cast<int>(stage));
  std::vector<std::string> layers;
  if (at.base_case() == v1::StagePlan::kBaseStage) layers = RootLayers(plan, at.base_stage(), layer_of);
  if (at.base_case() == v1::StagePlan::kBaseImage) {
    for (const v1::Layer& layer : plan.bases(static_cast<int>(at.base_image())).layers())
      layers.push_back(FromProto(layer.tar()).Oci());
  }
  for (const v1::Step& step : at.steps()) {
    if (core::HasAction(step)) layers.push_back(layer_of(stage, step.number()));
  }
  return layers;
}

std::vector<std::string> RecordedLayers(const v1::BuildView& view, const v1::BuildPlan& plan,
                                        uint32_t stage) {
  return RootLayers(plan, stage, [&view](uint32_t at, uint32_t number) {
    const v1::StepView* step = FindStepView(view, at, number);
    return step == nullptr ? std::string() : FromProto(step->layer().tar()).Oci();
  });
}

absl::Status ReadImageFacts(const v1::CellView& cell, BlobStore& blobs, ImageFacts* facts) {
  if (!cell.has_image_manifest()) {
    return absl::NotFoundError(
        fmt::format("the record does not say how large manifest {} is", cell.image_digest()));
  }
  const auto bytes = blobs.Get(FromProto(cell.image_manifest()));
  if (absl::IsNotFound(bytes.status())) {
    return absl::NotFoundError(
        fmt::format("manifest {} is no longer in the farm's store", cell.image_digest()));
  }
  RETURN_IF_ERROR(bytes.status());
  ASSIGN_OR_RETURN(const oci::ImageManifest manifest, oci::ParseImageManifest(*bytes));
  facts->config = manifest.config.digest.Oci();
  for (const oci::Descriptor& layer : manifest.layers) facts->blobs.push_back(layer.digest.Oci());
  return absl::OkStatus();
}

v1::Witness RecordedWitness(const v1::StepView& step, storage::RecordStore& records) {
  const auto execution = records.GetExecution(step.execution());
  v1::Witness witness;
  if (execution.ok()) {
    witness = verdict::WitnessOf(FactOf(*execution));
  } else {
    witness.set_worker(step.worker());
    witness.set_emulated(step.emulated());
  }
  *witness.mutable_layer() = step.layer();
  return witness;
}

verdict::StepExecutions CompareRecorded(v1::Witness first, v1::Witness second, BlobStore& blobs,
                                        storage::RecordStore& records, const compare::KnownFiles& known,
                                        const std::stop_token& stop) {
  verdict::StepExecutions row;
  row.witnesses = {std::move(first), std::move(second)};
  absl::Status status = AddInputChanges(records, &row);
  if (status.ok()) status = AddDifferences(blobs, known, std::nullopt, stop, &row);
  if (!status.ok()) {
    row.causes_problem = absl::IsNotFound(status)
                             ? fmt::format(
                                   "what the recorded step made is no longer in the farm's store ({}): "
                                   "only the digests can be compared",
                                   Sv(status.message()))
                             : std::string(Sv(status.message()));
  }
  return row;
}

}  // namespace crossmill::coordinator
