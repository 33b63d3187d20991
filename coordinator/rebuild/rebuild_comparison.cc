#include "coordinator/rebuild/rebuild_comparison.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/words/platform.h"
#include "coordinator/conclusion/step_differences.h"
#include "coordinator/rebuild/rebuild_judgement.h"
#include "coordinator/rebuild/recorded_cell.h"
#include "coordinator/verdict/comparer.h"
#include "coordinator/verdict/witnesses.h"

namespace crossmill::coordinator {
namespace {

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
    facts_.then.layers = RecordedLayers(recorded_, input_.plan, target);
    for (const v1::Layer& layer : input_.chains.at(static_cast<int>(target)))
      facts_.now.layers.push_back(FromProto(layer.tar()).Oci());
    if (then.image_digest() == cell_.image_digest()) return absl::OkStatus();
    RETURN_IF_ERROR(ReadImageFacts(cell_, blobs_, &facts_.now));
    const absl::Status read = ReadImageFacts(then, blobs_, &facts_.then);
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
      const v1::StepView* then = FindStepView(recorded_, static_cast<uint32_t>(step.stage), step.number);
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

  verdict::StepExecutions ComparedStep(const CellInput::StepInput& step, const v1::StepView& then) {
    verdict::StepExecutions row =
        CompareRecorded(RecordedWitness(then, records_), verdict::WitnessOf(step.fact), blobs_, records_,
                        *input_.known_files, stop_);
    row.stage = static_cast<uint32_t>(step.stage);
    row.step_number = step.number;
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
