// The rules of --normalize that change files, applied to what a RUN left (docs/normalize.md).
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "crossmill/v1/result.pb.h"
#include "worker/layers/layer_editor.h"
#include "worker/normalize/rules.h"

namespace crossmill::worker {

// FAILED_PRECONDITION names a rule that this worker does not know: a step must not be told to be normalised
// by it.
absl::Status CheckRules(absl::Span<const std::string> rules);

// Of one step. Not thread safe.
class Normalizer final : public LayerEditor {
 public:
  // Rules that change no files are left to StepSettings.
  Normalizer(absl::Span<const std::string> rules, const NormalizeTimes& times)
      : rules_(rules.begin(), rules.end()), times_(times) {}

  absl::StatusOr<bool> Edit(const std::string& upper, const std::vector<std::string>& lowers,
                            const UpperDiff& diff) override;

  // Of the rules that changed something, in their order.
  const std::vector<v1::Normalization>& normalizations() const { return normalizations_; }
  // For people: files of packages that were changed, and noise that was left alone.
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  void TellOwners(const MergedFolder& root, const std::map<std::string, std::set<std::string>>& changed);

  const std::vector<std::string> rules_;
  const NormalizeTimes times_;
  std::vector<v1::Normalization> normalizations_;
  std::vector<std::string> warnings_;
};

}  // namespace crossmill::worker
