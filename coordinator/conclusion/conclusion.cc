#include "coordinator/conclusion/conclusion.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "common/base/status.h"
#include "common/layer/layer_manifest.h"
#include "common/plan/plan_graph.h"
#include "common/words/platform.h"
#include "coordinator/conclusion/image_base.h"
#include "coordinator/conclusion/recorded_executions.h"
#include "coordinator/conclusion/step_differences.h"
#include "coordinator/core/image_reach.h"
#include "coordinator/verdict/comparer.h"
#include "coordinator/verdict/outvoted.h"
#include "coordinator/verdict/possible_times.h"
#include "coordinator/verdict/squashed_root.h"
#include "coordinator/verdict/witnesses.h"

namespace crossmill::coordinator {
namespace {

absl::StatusOr<std::vector<v1::Witness>> WitnessesOf(const CellInput& input, const CellInput::StepInput& step,
                                                     storage::RecordStore& records, BlobStore& blobs) {
  ASSIGN_OR_RETURN(std::vector<storage::Execution> executions,
                   records.Witnesses(step.fact.key, step.since, input.submitted_at));
  executions = WithoutLost(std::move(executions), input.build, [&](const v1::Layer& layer) {
    return blobs.Has(FromProto(layer.tar())) && blobs.Has(FromProto(layer.manifest()));
  });
  const v1::Step* planned = plan::FindStep(input.plan, static_cast<uint32_t>(step.stage), step.number);
  if (planned == nullptr) {
    return absl::InternalError(fmt::format("the plan has no step {} in stage {}", step.number, step.stage));
  }
  executions = ThoseThatMaySpeak(std::move(executions), input.build, step.fact, *planned, input.options);
  std::vector<core::StepFact> others;
  for (const storage::Execution& execution : executions) others.push_back(FactOf(execution));
  return verdict::SelectWitnesses(step.fact, others,
                                  {.wanted = input.options.verify(),
                                   .by_worker = input.options.allow_same_host(),
                                   .forbid_emulation = input.options.forbid_emulation()});
}

// Clamp values of the layers that `stage` and the stages below it made, bottom first.
std::vector<int64_t> LayerTimes(const v1::BuildPlan& plan, int stage) {
  const v1::StagePlan& at = plan.stages(stage);
  std::vector<int64_t> times;
  if (at.base_case() == v1::StagePlan::kBaseStage)
    times = LayerTimes(plan, static_cast<int>(at.base_stage()));
  for (const v1::Step& step : at.steps()) {
    if (step.action_case() != v1::Step::ACTION_NOT_SET) times.push_back(step.clamp_time());
  }
  return times;
}

absl::StatusOr<AssembledImage> Assemble(const CellInput& input, const std::vector<v1::Layer>& chain,
                                        ImageAssembler& assembler, const std::stop_token& stop) {
  const int target = static_cast<int>(input.plan.cells(input.cell).target_stage());
  ImageParts parts;
  parts.platform = input.plan.cells(input.cell).platform();
  parts.planned_config = input.plan.stages(target).config();
  parts.base = BaseOf(input.plan, target);
  const size_t below = parts.base == nullptr ? 0 : parts.base->layers_size();
  parts.layers.assign(chain.begin() + static_cast<ptrdiff_t>(below), chain.end());
  parts.layer_times = LayerTimes(input.plan, target);
  parts.epoch = input.plan.epoch();
  parts.keep_times = input.plan.keep_times();
  parts.options = ImageOptionsOf(input.options);
  return assembler.AssembleImage(parts, stop);
}

// Of the first execution, and of each replica that has an image of its own.
absl::Status AddImageDigests(const CellInput& input, const AssembledImage& image, ImageAssembler& assembler,
                             const std::stop_token& stop, verdict::CellExecutions* executions) {
  const auto add = [executions](const AssembledImage& one) {
    executions->image_digests.push_back(one.manifest.Oci());
    executions->config_digests.push_back(one.config.Oci());
    std::string blobs;
    for (const Digest& blob : one.blobs) blobs += blob.Oci() + "\n";
    executions->blob_digests.push_back(std::move(blobs));
  };
  add(image);
  const uint32_t target = input.plan.cells(input.cell).target_stage();
  const std::vector<v1::Layer>& first = input.chains.at(static_cast<int>(target));
  for (uint32_t replica = 1; replica < executions->wanted; ++replica) {
    const auto chain = verdict::ReplicaChain(input.plan, target, first, executions->steps, replica);
    if (!chain) {
      for (auto* digests :
           {&executions->image_digests, &executions->config_digests, &executions->blob_digests})
        digests->emplace_back();
      continue;
    }
    AssembledImage own = image;
    if (!std::equal(chain->begin(), chain->end(), first.begin(), first.end(), SameLayer)) {
      ASSIGN_OR_RETURN(own, Assemble(input, *chain, assembler, stop));
    }
    add(own);
  }
  return absl::OkStatus();
}

// Whether the image's root is the same with the layers of each replica, whatever the layers are. Those of the
// base are below all of them.
absl::StatusOr<bool> HaveSameRoot(const CellInput& input, const verdict::CellExecutions& executions,
                                  BlobStore& blobs) {
  const uint32_t target = input.plan.cells(input.cell).target_stage();
  const v1::PinnedImage* base = BaseOf(input.plan, static_cast<int>(target));
  const size_t below = base == nullptr ? 0 : static_cast<size_t>(base->layers_size());
  std::map<std::string, layer::LayerManifest> manifests;
  const auto squash = [&](const std::vector<v1::Layer>& chain) -> absl::StatusOr<verdict::SquashedRoot> {
    std::vector<const layer::LayerManifest*> layers;
    for (size_t i = below; i < chain.size(); ++i) {
      const auto [found, added] = manifests.try_emplace(chain[i].tar().hash());
      if (added) {
        ASSIGN_OR_RETURN(found->second, ReadManifest(blobs, chain[i]));
      }
      layers.push_back(&found->second);
    }
    return verdict::Squash(layers);
  };
  const std::vector<v1::Layer>& first = input.chains.at(static_cast<int>(target));
  ASSIGN_OR_RETURN(const verdict::SquashedRoot ours, squash(first));
  for (uint32_t replica = 1; replica < executions.wanted; ++replica) {
    const auto chain = verdict::ReplicaChain(input.plan, target, first, executions.steps, replica);
    if (!chain) return false;
    ASSIGN_OR_RETURN(const verdict::SquashedRoot theirs, squash(*chain));
    if (theirs != ours) return false;
  }
  return true;
}

// The rules of --normalize are for what RUNs make.
std::optional<std::vector<std::string>> NormalizedOf(const CellInput& input,
                                                     const CellInput::StepInput& step) {
  const v1::Step* planned = plan::FindStep(input.plan, static_cast<uint32_t>(step.stage), step.number);
  if (planned == nullptr || !planned->has_run()) return std::nullopt;
  const auto& rules = input.options.normalize();
  return std::vector<std::string>(rules.begin(), rules.end());
}

absl::Status Compare(const CellInput& input, const AssembledImage& image, ImageAssembler& assembler,
                     BlobStore& blobs, storage::RecordStore& records, const std::stop_token& stop,
                     v1::CellView* view) {
  verdict::CellExecutions executions;
  executions.plan = &input.plan;
  executions.cell = input.cell;
  executions.wanted = input.options.verify();
  executions.allow_same_host = input.options.allow_same_host();
  executions.difference_limit = kDifferencesOfStep;
  for (const CellInput::StepInput& step : input.steps) {
    verdict::StepExecutions& row = executions.steps.emplace_back();
    row.stage = step.stage;
    row.step_number = step.number;
    if (executions.wanted < 2) {
      row.witnesses = {verdict::WitnessOf(step.fact)};
      continue;
    }
    ASSIGN_OR_RETURN(row.witnesses, WitnessesOf(input, step, records, blobs));
    RETURN_IF_ERROR(AddInputChanges(records, &row));
    RETURN_IF_ERROR(AddDifferences(blobs, *input.known_files, NormalizedOf(input, step), stop, &row));
    const bool may_be_time = verdict::MayBeTime(row.causes, row.causes_problem, row.witnesses);
    verdict::MarkOutvoted(executions.allow_same_host, may_be_time, &row.witnesses);
  }
  executions.resolved = input.exports;
  const bool diverges = std::any_of(executions.steps.begin(), executions.steps.end(),
                                    [](const auto& step) { return step.differences_total > 0; });
  for (const CellInput::StepInput& step : input.steps) {
    if (!diverges) break;
    ASSIGN_OR_RETURN((executions.layers[{static_cast<uint32_t>(step.stage), step.number}]),
                     ReadManifest(blobs, step.fact.layer));
  }
  RETURN_IF_ERROR(AddImageDigests(input, image, assembler, stop, &executions));
  if (diverges) {
    ASSIGN_OR_RETURN(executions.same_root, HaveSameRoot(input, executions, blobs));
  }
  *view->mutable_comparison() = verdict::CompareCell(executions);
  if (!input.problems.empty() && view->comparison().verdict() == v1::VERDICT_INCONCLUSIVE) {
    view->mutable_comparison()->set_reason(
        fmt::format("{}; {}", view->comparison().reason(), input.problems.front()));
  }
  return absl::OkStatus();
}

}  // namespace

CellInput MakeCellInput(core::BuildState& state, int cell, const std::function<int64_t(int stage)>& since) {
  CellInput input;
  input.plan = state.plan();
  input.cell = cell;
  input.build = state.id();
  input.view = state.view().cells(cell);
  input.options = state.view().options();
  input.submitted_at = state.view().created_at();
  input.exports = state.Exports();
  input.wheels = state.view().ahead_of() != 0;
  for (int stage : state.StagesOf(cell)) {
    const v1::StagePlan& plan = input.plan.stages(stage);
    for (int i = 0; i < plan.steps_size(); ++i) {
      const auto& fact = state.stage(stage).facts[i];
      if (fact) input.steps.push_back({stage, plan.steps(i).number(), *fact, since(stage)});
    }
    input.chains[stage] = state.ChainBefore(stage, plan.steps_size());
    for (int replica = 1; replica <= state.replicas(); ++replica) {
      const core::ReplicaRun& run = state.replica(stage, replica);
      if (!run.problem.empty()) input.problems.push_back(run.problem);
    }
  }
  return input;
}

v1::CellView MeasureCell(const CellInput& input) {
  v1::CellView view = input.view;
  // A restored build was measured before.
  view.set_image_bytes(0);
  const int target = static_cast<int>(input.plan.cells(input.cell).target_stage());
  std::set<std::string> counted;
  int64_t all_bytes = 0;
  for (const auto& [stage, chain] : input.chains) {
    for (const v1::Layer& layer : chain) {
      if (stage == target) view.set_image_bytes(view.image_bytes() + layer.tar().size_bytes());
      if (counted.insert(layer.tar().hash()).second) all_bytes += layer.tar().size_bytes();
    }
  }
  view.set_all_stages_bytes(all_bytes);
  view.set_emulated(std::any_of(input.steps.begin(), input.steps.end(),
                                [](const CellInput::StepInput& step) { return step.fact.emulated; }));
  return view;
}

v1::CellView ConcludeCell(const CellInput& input, ImageAssembler& assembler, BlobStore& blobs,
                          storage::RecordStore& records, const std::stop_token& stop) {
  v1::CellView view = MeasureCell(input);
  if (input.wheels) {
    view.set_status(v1::BUILD_STATUS_SUCCEEDED);
    return view;
  }
  const int target = static_cast<int>(input.plan.cells(input.cell).target_stage());
  const auto image = Assemble(input, input.chains.at(target), assembler, stop);
  absl::Status status = image.status();
  if (image.ok()) {
    view.set_image_digest(image->manifest.Oci());
    ToProto(image->manifest, view.mutable_image_manifest());
    status = Compare(input, *image, assembler, blobs, records, stop, &view);
  }
  view.set_status(status.ok() ? v1::BUILD_STATUS_SUCCEEDED : v1::BUILD_STATUS_INFRASTRUCTURE_FAILED);
  if (!status.ok()) {
    view.set_message(fmt::format("{}: {}", FormatPlatform(view.platform()), Sv(status.message())));
  }
  return view;
}

absl::StatusOr<std::string> AssembleBuild(const v1::BuildView& build, const core::Author& author,
                                          ImageAssembler& assembler) {
  if (build.ahead_of() != 0) return std::string();
  std::vector<AssembledImage> images;
  for (const v1::CellView& cell : build.cells()) {
    AssembledImage& image = images.emplace_back();
    image.platform = cell.platform();
    image.uncompressed_bytes = cell.image_bytes();
    image.manifest = FromProto(cell.image_manifest());
  }
  // A rebuild leaves the names to what has them.
  std::vector<std::string> names;
  if (!build.has_rebuild()) names.assign(build.options().tags().begin(), build.options().tags().end());
  ASSIGN_OR_RETURN(const Digest index,
                   assembler.AssembleIndex(images, names, fmt::format("build {}", build.id()),
                                           ImageOptionsOf(build.options()), author));
  return index.Oci();
}

}  // namespace crossmill::coordinator
