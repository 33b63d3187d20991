#include "coordinator/conclusion/step_differences.h"

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/compare/witness_comparison.h"
#include "common/layer/manifest_diff.h"
#include "coordinator/verdict/input_changes.h"

namespace crossmill::coordinator {
namespace {

constexpr size_t kInputChangeLimit = 100;

absl::StatusOr<verdict::ExecutionInput> InputOf(storage::RecordStore& records, int64_t execution) {
  verdict::ExecutionInput input;
  ASSIGN_OR_RETURN(input.fetches, records.Fetches(execution));
  ASSIGN_OR_RETURN(input.packages, records.Packages(execution));
  return input;
}

// The witness with which the first is compared: the first one that made another layer. 0: there is none. An
// execution that failed has no layer to compare with.
uint32_t OtherWitness(const std::vector<v1::Witness>& witnesses) {
  const v1::Witness& first = witnesses.front();
  for (uint32_t i = 1; first.has_layer() && i < witnesses.size(); ++i) {
    if (witnesses[i].has_layer() && !SameLayer(witnesses[i].layer(), first.layer())) return i;
  }
  return 0;
}

}  // namespace

bool SameLayer(const v1::Layer& a, const v1::Layer& b) { return a.tar().hash() == b.tar().hash(); }

absl::StatusOr<layer::LayerManifest> ReadManifest(BlobStore& blobs, const v1::Layer& layer) {
  ASSIGN_OR_RETURN(const std::string bytes, blobs.Get(FromProto(layer.manifest())));
  return layer::LayerManifest::Parse(bytes);
}

absl::Status AddDifferences(BlobStore& blobs, const compare::KnownFiles& known,
                            const std::optional<std::vector<std::string>>& normalized,
                            const std::stop_token& stop, verdict::StepExecutions* step) {
  const uint32_t witness = OtherWitness(step->witnesses);
  if (witness == 0) return absl::OkStatus();
  const v1::Layer& first = step->witnesses.front().layer();
  std::set<std::string> seen = {first.tar().hash()};
  std::vector<layer::LayerManifest> others;
  for (const v1::Witness& other : step->witnesses) {
    if (!other.has_layer() || !seen.insert(other.layer().tar().hash()).second) continue;
    ASSIGN_OR_RETURN(others.emplace_back(), ReadManifest(blobs, other.layer()));
  }
  ASSIGN_OR_RETURN(const layer::LayerManifest manifest, ReadManifest(blobs, first));
  step->differences = layer::DiffManifests(manifest, others, SIZE_MAX, &step->differences_total);
  compare::StepExplanation explanation = compare::ExplainWitnesses(
      {&step->witnesses.front(), &manifest}, {&step->witnesses[witness], &others.front()}, blobs,
      {step->input_changes, normalized}, known, {}, stop);
  for (v1::CauseGroup& group : explanation.causes) group.set_witness(witness);
  step->causes = std::move(explanation.causes);
  step->causes_problem = std::move(explanation.problem);
  // Only one of the other layers was looked into.
  step->only_packing = explanation.only_packing && others.size() == 1;
  return absl::OkStatus();
}

absl::Status AddInputChanges(storage::RecordStore& records, verdict::StepExecutions* step) {
  const v1::Witness& first = step->witnesses.front();
  const uint32_t witness = OtherWitness(step->witnesses);
  if (witness == 0) return absl::OkStatus();
  const v1::Witness& other = step->witnesses[witness];
  if (first.execution() == 0 || other.execution() == 0) return absl::OkStatus();
  ASSIGN_OR_RETURN(const verdict::ExecutionInput ours, InputOf(records, first.execution()));
  ASSIGN_OR_RETURN(const verdict::ExecutionInput theirs, InputOf(records, other.execution()));
  step->input_changes = verdict::ChangedInputs(ours, theirs, kInputChangeLimit);
  return absl::OkStatus();
}

}  // namespace crossmill::coordinator
