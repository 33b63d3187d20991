// The rules of --normalize that change files, each a function of a step's files (docs/normalize.md says what
// they do and why that is safe).
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "worker/normalize/step_files.h"

namespace crossmill::worker {

// Times in seconds since 1970.
struct NormalizeTimes {
  // No mtime in the layer is later: stands for the build's epoch.
  int64_t clamp_time = 0;
  // When the step's command began and ended, and how much later the clock was that its programs were shown.
  int64_t started_at = 0;
  int64_t finished_at = 0;
  int64_t clock_shift = 0;
};

// What one rule did.
struct RuleOutcome {
  // Paths that it changed.
  std::set<std::string> changed;
  // For people: what it left alone although it is noise, and why.
  std::vector<std::string> left_alone;
};

// Each looks only at files that the step made or changed, and never at what is behind a link. Errors are the
// farm's.
using FileRule = absl::Status (*)(const NormalizeTimes& times, StepFiles& files, RuleOutcome* outcome);

absl::Status NormalizeAptLogs(const NormalizeTimes&, StepFiles& files, RuleOutcome* outcome);
absl::Status NormalizeAptCaches(const NormalizeTimes&, StepFiles& files, RuleOutcome* outcome);
absl::Status NormalizeLdconfigCache(const NormalizeTimes&, StepFiles& files, RuleOutcome* outcome);
absl::Status NormalizeManDb(const NormalizeTimes&, StepFiles& files, RuleOutcome* outcome);
absl::Status NormalizeFontconfig(const NormalizeTimes&, StepFiles& files, RuleOutcome* outcome);
absl::Status NormalizeCargoCache(const NormalizeTimes&, StepFiles& files, RuleOutcome* outcome);
absl::Status NormalizeMachineId(const NormalizeTimes&, StepFiles& files, RuleOutcome* outcome);
absl::Status NormalizeShadowDates(const NormalizeTimes& times, StepFiles& files, RuleOutcome* outcome);
absl::Status NormalizePycTimes(const NormalizeTimes&, StepFiles& files, RuleOutcome* outcome);

// A file that only this step wrote to and that has one name: what a rule may write into. Else says so.
bool MayWrite(const DiffNode& node, RuleOutcome* outcome);

}  // namespace crossmill::worker
