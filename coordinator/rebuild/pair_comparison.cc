#include "coordinator/rebuild/pair_comparison.h"

#include <algorithm>
#include <string>
#include <utility>

#include "common/base/status.h"
#include "common/words/words.h"
#include "coordinator/conclusion/step_differences.h"
#include "coordinator/core/build_state.h"
#include "coordinator/rebuild/rebuild_judgement.h"
#include "coordinator/rebuild/recorded_cell.h"
#include "coordinator/rebuild/step_pairing.h"
#include "coordinator/verdict/comparer.h"

namespace crossmill::coordinator {
namespace {

uint32_t CellIndex(const RecordedSide& side) {
  for (int i = 0; i < side.view.cells_size(); ++i) {
    if (&side.view.cells(i) == &side.cell) return static_cast<uint32_t>(i);
  }
  return 0;
}

const v1::StagePlan& StageOf(const RecordedSide& side, const PlannedStep& step) {
  return side.plan.stages(static_cast<int>(step.stage));
}

v1::StepPlace PlaceOf(const RecordedSide& side, const PlannedStep& step) {
  const v1::StagePlan& stage = StageOf(side, step);
  v1::StepPlace place;
  place.set_stage(step.stage);
  place.set_stage_name(stage.name());
  place.set_step_number(step.step == nullptr ? 1 : step.step->number());
  *place.mutable_range() = step.step == nullptr ? stage.from_range() : step.step->range();
  place.set_text(step.step == nullptr ? stage.from_text() : step.step->text());
  return place;
}

std::string Where(const v1::StepPlace& place) {
  return fmt::format("{}:{}", place.range().file(), place.range().first_line());
}

// What the stage begins with, for people.
std::string BaseText(const RecordedSide& side, const v1::StagePlan& stage) {
  switch (stage.base_case()) {
    case v1::StagePlan::kBaseImage:
      return side.plan.bases(static_cast<int>(stage.base_image())).manifest_digest();
    case v1::StagePlan::kBaseStage:
      return fmt::format("stage {}", side.plan.stages(static_cast<int>(stage.base_stage())).name());
    default:
      return "scratch";
  }
}

// The same base image, or stages that correspond anyway.
bool SameBase(const RecordedSide& first, const v1::StagePlan& ours, const RecordedSide& second,
              const v1::StagePlan& theirs) {
  if (ours.base_case() != theirs.base_case()) return false;
  return ours.base_case() == v1::StagePlan::kBaseStage || BaseText(first, ours) == BaseText(second, theirs);
}

// Used once.
class PairComparer {
 public:
  PairComparer(const RecordedSide& first, const RecordedSide& second, BlobStore& blobs,
               storage::RecordStore& records, const std::stop_token& stop)
      : first_(first), second_(second), blobs_(blobs), records_(records), stop_(stop) {}

  absl::StatusOr<v1::PlatformPair> Compare() {
    *pair_.mutable_platform() = first_.cell.platform();
    pair_.set_in_first(true);
    pair_.set_in_second(true);
    executions_.plan = &first_.plan;
    executions_.cell = CellIndex(first_);
    executions_.wanted = 2;
    // They are compared wherever they ran.
    executions_.allow_same_host = true;
    executions_.difference_limit = kDifferencesOfStep;
    for (const PlannedPair& each :
         PairSteps({first_.plan, CellIndex(first_)}, {second_.plan, CellIndex(second_)})) {
      if (stop_.stop_requested()) return absl::CancelledError("cancelled");
      AddPair(each);
    }
    RETURN_IF_ERROR(Judge());
    FindDivergence();
    return std::move(pair_);
  }

 private:
  void AddPair(const PlannedPair& each) {
    v1::StepPair& pair = *pair_.add_steps();
    if (each.first) *pair.mutable_first() = PlaceOf(first_, *each.first);
    if (each.second) *pair.mutable_second() = PlaceOf(second_, *each.second);
    if (!each.second) {
      pair.set_state(v1::StepPair::STATE_ONLY_FIRST);
    } else if (!each.first) {
      pair.set_state(v1::StepPair::STATE_ONLY_SECOND);
    } else if (each.first->step == nullptr) {
      const bool same =
          SameBase(first_, StageOf(first_, *each.first), second_, StageOf(second_, *each.second));
      pair.set_state(same ? v1::StepPair::STATE_EQUAL : v1::StepPair::STATE_DIFFERENT);
    } else if (!core::HasAction(*each.first->step) && !core::HasAction(*each.second->step)) {
      pair.set_state(v1::StepPair::STATE_EQUAL);
    } else {
      CompareLayers(*each.first, *each.second, &pair);
    }
  }

  void CompareLayers(const PlannedStep& first, const PlannedStep& second, v1::StepPair* pair) {
    const v1::StepView* ours = FindStepView(first_.view, first.stage, first.step->number());
    const v1::StepView* theirs = FindStepView(second_.view, second.stage, second.step->number());
    if (ours == nullptr || theirs == nullptr || !ours->has_layer() || !theirs->has_layer()) {
      pair->set_state(v1::StepPair::STATE_UNKNOWN);
      return;
    }
    pair->set_same_key(!ours->key().empty() && ours->key() == theirs->key());
    const bool equal = SameLayer(ours->layer(), theirs->layer());
    pair->set_state(equal ? v1::StepPair::STATE_EQUAL : v1::StepPair::STATE_DIFFERENT);
    pair->set_compared(static_cast<uint32_t>(executions_.steps.size()));
    if (!pair->same_key()) facts_.other_keys.insert(pair->compared());
    verdict::StepExecutions row =
        CompareRecorded(RecordedWitness(*ours, records_), RecordedWitness(*theirs, records_), blobs_,
                        records_, compare::KnownFiles::Embedded(), stop_);
    row.stage = first.stage;
    row.step_number = first.step->number();
    executions_.steps.push_back(std::move(row));
  }

  // Of the first build's layers, which say where a COPY wrote. One that is gone is left out: what is not
  // known counts as reaching the image.
  absl::Status AddLayers() {
    for (const uint32_t stage : first_.cell.stages()) {
      if (static_cast<int>(stage) >= first_.view.stages_size()) continue;
      for (const v1::StepView& step : first_.view.stages(static_cast<int>(stage)).steps()) {
        if (!step.has_layer()) continue;
        auto manifest = ReadManifest(blobs_, step.layer());
        if (absl::IsNotFound(manifest.status())) continue;
        RETURN_IF_ERROR(manifest.status());
        executions_.layers[{stage, step.number()}] = *std::move(manifest);
      }
    }
    return absl::OkStatus();
  }

  absl::Status Judge() {
    if (std::any_of(executions_.steps.begin(), executions_.steps.end(),
                    [](const auto& step) { return step.differences_total > 0; }))
      RETURN_IF_ERROR(AddLayers());
    v1::CellComparison comparison = verdict::CompareCell(executions_);
    comparison.clear_verdict();
    comparison.clear_level();
    comparison.clear_reason();
    for (const RecordedSide* side : {&first_, &second_}) {
      if (!side->cell.image_digest().empty()) continue;
      v1::RebuildComparison& result = *pair_.mutable_comparison();
      result.set_build(first_.view.id());
      result.set_result(v1::RebuildComparison::RESULT_UNKNOWN);
      result.set_reason(
          fmt::format("build {} has no image for it: it is {}", side->view.id(), Word(side->cell.status())));
      *result.mutable_comparison() = std::move(comparison);
      return absl::OkStatus();
    }
    facts_.build = first_.view.id();
    facts_.comparison = std::move(comparison);
    AddImage(first_, &facts_.then);
    AddImage(second_, &facts_.now);
    *pair_.mutable_comparison() = JudgeRebuild(std::move(facts_));
    return absl::OkStatus();
  }

  void AddImage(const RecordedSide& side, ImageFacts* image) {
    image->manifest = side.cell.image_digest();
    image->layers = RecordedLayers(side.view, side.plan,
                                   side.plan.cells(static_cast<int>(CellIndex(side))).target_stage());
    if (first_.cell.image_digest() == second_.cell.image_digest()) return;
    const absl::Status read = ReadImageFacts(side.cell, blobs_, image);
    if (!read.ok()) facts_.manifest_problem = Sv(read.message());
  }

  void FindDivergence() {
    for (int i = 0; i < pair_.steps_size(); ++i) {
      const v1::StepPair& pair = pair_.steps(i);
      if (pair.state() == v1::StepPair::STATE_EQUAL) continue;
      pair_.set_divergence(static_cast<uint32_t>(i));
      pair_.set_divergence_reason(ReasonOf(pair));
      return;
    }
  }

  std::string ReasonOf(const v1::StepPair& pair) const {
    switch (pair.state()) {
      case v1::StepPair::STATE_ONLY_FIRST:
        return fmt::format("only build {} has {}: {}", first_.view.id(), Where(pair.first()),
                           pair.first().text());
      case v1::StepPair::STATE_ONLY_SECOND:
        return fmt::format("only build {} has {}: {}", second_.view.id(), Where(pair.second()),
                           pair.second().text());
      case v1::StepPair::STATE_UNKNOWN:
        return fmt::format("{} has no layer in build {}", Where(pair.first()), WithoutLayer(pair));
      default:
        break;
    }
    if (pair.first().step_number() == 1) {
      return fmt::format(
          "{} begins with {} in build {}, with {} in build {}", Where(pair.first()),
          BaseText(first_, first_.plan.stages(static_cast<int>(pair.first().stage()))), first_.view.id(),
          BaseText(second_, second_.plan.stages(static_cast<int>(pair.second().stage()))), second_.view.id());
    }
    if (pair.same_key())
      return fmt::format("{} was given the same and made something else: {}", Where(pair.first()),
                         pair.first().text());
    return fmt::format("{} made something else, and was not given the same: {}", Where(pair.first()),
                       pair.first().text());
  }

  int64_t WithoutLayer(const v1::StepPair& pair) const {
    const v1::StepView* ours = FindStepView(first_.view, pair.first().stage(), pair.first().step_number());
    return ours != nullptr && ours->has_layer() ? second_.view.id() : first_.view.id();
  }

  const RecordedSide& first_;
  const RecordedSide& second_;
  BlobStore& blobs_;
  storage::RecordStore& records_;
  const std::stop_token& stop_;
  verdict::CellExecutions executions_;
  RebuildFacts facts_;
  v1::PlatformPair pair_;
};

}  // namespace

absl::StatusOr<v1::PlatformPair> ComparePair(const RecordedSide& first, const RecordedSide& second,
                                             BlobStore& blobs, storage::RecordStore& records,
                                             const std::stop_token& stop) {
  return PairComparer(first, second, blobs, records, stop).Compare();
}

}  // namespace crossmill::coordinator
