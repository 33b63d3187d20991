#include "coordinator/rebuild/rebuild_comparison.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/oci/image.h"
#include "common/plan/plan_graph.h"
#include "common/words/platform.h"
#include "coordinator/conclusion/recorded_executions.h"
#include "coordinator/conclusion/step_differences.h"
#include "coordinator/rebuild/rebuild_judgement.h"
#include "coordinator/verdict/comparer.h"
#include "coordinator/verdict/witnesses.h"

namespace crossmill::coordinator {
namespace {

const v1::StepView* FindRecorded(const v1::BuildView& view, int stage, uint32_t number) {
  if (stage >= view.stages_size()) return nullptr;
  for (const v1::StepView& step : view.stages(stage).steps()) {
    if (step.number() == number) return &step;
  }
  return nullptr;
}

// The recorded execution that counted for the step.
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

// DiffIDs of the target's root when the step layers of `layer_of` are put in the places of the rebuild's.
template <typename LayerOf>
std::vector<std::string> TargetLayers(const v1::BuildPlan& plan, uint32_t stage, LayerOf layer_of) {
  const v1::StagePlan& at = plan.stages(static_cast<int>(stage));
  std::vector<std::string> layers;
  if (at.base_case() == v1::StagePlan::kBaseStage) layers = TargetLayers(plan, at.base_stage(), layer_of);
  if (at.base_case() == v1::StagePlan::kBaseImage) {
    for (const v1::Layer& layer : plan.bases(static_cast<int>(at.base_image())).layers())
      layers.push_back(FromProto(layer.tar()).Oci());
  }
  for (const v1::Step& step : at.steps()) {
    if (core::HasAction(step)) layers.push_back(layer_of(stage, step.number()));
  }
  return layers;
}

// Config and compressed layers as the manifest names them.
absl::Status ReadImage(const v1::CellView& cell, BlobStore& blobs, ImageFacts* facts) {
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

// Used once.
class RebuildComparer {
 public:
  RebuildComparer(const v1::BuildView& recorded, const CellInput& input, const v1::CellView& cell,
                  BlobStore& blobs, storage::RecordStore& records, const std::stop_token& stop)
      : recorded_(recorded), input_(input), cell_(cell), blobs_(blobs), records_(records), stop_(stop) {}

  absl::StatusOr<v1::RebuildComparison> Compare() {
    const auto then = std::find_if(
        recorded_.cells().begin(), recorded_.cells().end(),
        [&](const v1::CellView& each) { return SamePlatform(each.platform(), cell_.platform()); });
    if (then == recorded_.cells().end() || then->image_digest().empty()) {
      return absl::NotFoundError(fmt::format("build {} has no image for {} on record", recorded_.id(),
                                             FormatPlatform(cell_.platform())));
    }
    facts_.build = recorded_.id();
    RETURN_IF_ERROR(AddImages(*then));
    RETURN_IF_ERROR(CompareSteps());
    return JudgeRebuild(std::move(facts_));
  }

 private:
  absl::Status AddImages(const v1::CellView& then) {
    facts_.then.manifest = then.image_digest();
    facts_.now.manifest = cell_.image_digest();
    const uint32_t target = input_.plan.cells(input_.cell).target_stage();
    facts_.then.layers = TargetLayers(input_.plan, target, [this](uint32_t stage, uint32_t number) {
      const v1::StepView* step = FindRecorded(recorded_, static_cast<int>(stage), number);
      return step == nullptr ? std::string() : FromProto(step->layer().tar()).Oci();
    });
    for (const v1::Layer& layer : input_.chains.at(static_cast<int>(target)))
      facts_.now.layers.push_back(FromProto(layer.tar()).Oci());
    if (then.image_digest() == cell_.image_digest()) return absl::OkStatus();
    RETURN_IF_ERROR(ReadImage(cell_, blobs_, &facts_.now));
    const absl::Status read = ReadImage(then, blobs_, &facts_.then);
    if (!read.ok()) facts_.manifest_problem = Sv(read.message());
    return absl::OkStatus();
  }

  absl::Status CompareSteps() {
    verdict::CellExecutions executions;
    executions.plan = &input_.plan;
    executions.cell = static_cast<uint32_t>(input_.cell);
    executions.wanted = 2;
    // The recorded execution counts, wherever it ran.
    executions.allow_same_host = true;
    executions.difference_limit = kDifferencesOfStep;
    executions.image_digests = {facts_.then.manifest, facts_.now.manifest};
    executions.resolved = input_.exports;
    std::vector<bool> other_key;
    for (const CellInput::StepInput& step : input_.steps) {
      const v1::StepView* then = FindRecorded(recorded_, step.stage, step.number);
      if (then == nullptr || !then->has_layer()) continue;
      executions.steps.push_back(ComparedStep(step, *then));
      other_key.push_back(then->key() != step.fact.key);
    }
    if (std::any_of(executions.steps.begin(), executions.steps.end(),
                    [](const auto& step) { return step.differences_total > 0; })) {
      for (const CellInput::StepInput& step : input_.steps) {
        auto manifest = ReadManifest(blobs_, step.fact.layer);
        RETURN_IF_ERROR(manifest.status());
        executions.layers[{static_cast<uint32_t>(step.stage), step.number}] = *std::move(manifest);
      }
    }
    facts_.comparison = verdict::CompareCell(executions);
    for (size_t i = 0; i < other_key.size(); ++i) {
      if (other_key[i]) facts_.other_keys.insert(static_cast<uint32_t>(i));
    }
    return absl::OkStatus();
  }

  // What cannot be read any more leaves the step as one that differs, with the reason why nothing more is
  // said.
  verdict::StepExecutions ComparedStep(const CellInput::StepInput& step, const v1::StepView& then) {
    verdict::StepExecutions row;
    row.stage = static_cast<uint32_t>(step.stage);
    row.step_number = step.number;
    row.witnesses = {RecordedWitness(then, records_), verdict::WitnessOf(step.fact)};
    absl::Status status = AddInputChanges(records_, &row);
    if (status.ok()) status = AddDifferences(blobs_, stop_, &row);
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

  const v1::BuildView& recorded_;
  const CellInput& input_;
  const v1::CellView& cell_;
  BlobStore& blobs_;
  storage::RecordStore& records_;
  const std::stop_token& stop_;
  RebuildFacts facts_;
};

}  // namespace

absl::StatusOr<v1::RebuildComparison> CompareWithRecorded(int64_t recorded, const CellInput& input,
                                                          const v1::CellView& cell, BlobStore& blobs,
                                                          storage::RecordStore& records,
                                                          const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const v1::BuildView view, records.LoadView(recorded));
  return RebuildComparer(view, input, cell, blobs, records, stop).Compare();
}

}  // namespace crossmill::coordinator
