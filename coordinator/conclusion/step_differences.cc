#include "coordinator/conclusion/step_differences.h"

#include <algorithm>
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

}  // namespace

bool SameLayer(const v1::Layer& a, const v1::Layer& b) { return a.tar().hash() == b.tar().hash(); }

absl::StatusOr<layer::LayerManifest> ReadManifest(BlobStore& blobs, const v1::Layer& layer) {
  ASSIGN_OR_RETURN(const std::string bytes, blobs.Get(FromProto(layer.manifest())));
  return layer::LayerManifest::Parse(bytes);
}

absl::Status AddDifferences(BlobStore& blobs, const std::stop_token& stop, verdict::StepExecutions* step) {
  const v1::Layer& first = step->witnesses.front().layer();
  std::set<std::string> known = {first.tar().hash()};
  std::vector<layer::LayerManifest> others;
  uint32_t witness = 0;
  for (uint32_t i = 1; i < step->witnesses.size(); ++i) {
    const v1::Witness& other = step->witnesses[i];
    if (!other.has_layer() || !known.insert(other.layer().tar().hash()).second) continue;
    ASSIGN_OR_RETURN(others.emplace_back(), ReadManifest(blobs, other.layer()));
    if (witness == 0) witness = i;
  }
  if (others.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const layer::LayerManifest manifest, ReadManifest(blobs, first));
  step->differences = layer::DiffManifests(manifest, others, SIZE_MAX, &step->differences_total);
  // An execution that failed has no layer to compare with.
  if (!step->witnesses.front().has_layer()) return absl::OkStatus();
  compare::StepExplanation explanation = compare::ExplainWitnesses(
      {&step->witnesses.front(), &manifest}, {&step->witnesses[witness], &others.front()}, blobs,
      step->input_changes, compare::KnownFiles::Embedded(), {}, stop);
  for (v1::CauseGroup& group : explanation.causes) group.set_witness(witness);
  step->causes = std::move(explanation.causes);
  step->causes_problem = std::move(explanation.problem);
  return absl::OkStatus();
}

absl::Status AddInputChanges(storage::RecordStore& records, verdict::StepExecutions* step) {
  const v1::Witness& first = step->witnesses.front();
  const auto other =
      std::find_if(step->witnesses.begin(), step->witnesses.end(), [&](const v1::Witness& witness) {
        return witness.has_layer() && first.has_layer() && !SameLayer(witness.layer(), first.layer());
      });
  if (other == step->witnesses.end() || first.execution() == 0 || other->execution() == 0)
    return absl::OkStatus();
  ASSIGN_OR_RETURN(const verdict::ExecutionInput ours, InputOf(records, first.execution()));
  ASSIGN_OR_RETURN(const verdict::ExecutionInput theirs, InputOf(records, other->execution()));
  step->input_changes = verdict::ChangedInputs(ours, theirs, kInputChangeLimit);
  return absl::OkStatus();
}

}  // namespace crossmill::coordinator
