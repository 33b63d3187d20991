#include "common/compare/witness_comparison.h"

#include <algorithm>
#include <vector>

#include "common/base/status.h"
#include "common/compare/layer_contents.h"
#include "common/layer/manifest_diff.h"

namespace crossmill::compare {
namespace {

std::vector<v1::PathDifference> Differing(const WitnessLayer& first, const WitnessLayer& second) {
  return layer::DiffManifests(*first.manifest, *second.manifest, SIZE_MAX, nullptr);
}

LayerContents ContentsOf(const WitnessLayer& first, const WitnessLayer& second, BlobStore& blobs) {
  return LayerContents(blobs, FromProto(first.witness->layer().tar()), *first.manifest,
                       FromProto(second.witness->layer().tar()), *second.manifest);
}

}  // namespace

StepExplanation ExplainWitnesses(const WitnessLayer& first, const WitnessLayer& second, BlobStore& blobs,
                                 const WitnessRecord& record, const KnownFiles& known,
                                 const StepLimits& limits, const std::stop_token& stop) {
  LayerContents contents = ContentsOf(first, second, blobs);
  return ExplainStep(Differing(first, second),
                     {FactsOf(*first.witness),
                      FactsOf(*second.witness),
                      {record.input_changes.begin(), record.input_changes.end()},
                      record.normalized},
                     contents, known, limits, stop);
}

absl::StatusOr<v1::FileDifference> ExplainPath(const std::string& path, const WitnessLayer& first,
                                               const WitnessLayer& second, BlobStore& blobs,
                                               const KnownFiles& known, const CompareLimits& limits,
                                               const std::stop_token& stop) {
  const std::vector<v1::PathDifference> differences = Differing(first, second);
  const auto found =
      std::find_if(differences.begin(), differences.end(), [&](const v1::PathDifference& each) {
        return each.path() == path && each.kind() == v1::PathDifference::KIND_CONTENT;
      });
  if (found == differences.end())
    return absl::NotFoundError(fmt::format("/{} does not differ in content", path));
  LayerContents contents = ContentsOf(first, second, blobs);
  return ExplainFile(*found, differences, {FactsOf(*first.witness), FactsOf(*second.witness)}, contents,
                     known, limits, stop);
}

}  // namespace crossmill::compare
