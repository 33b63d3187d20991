// Why the layers that two executions of a step made differ: all paths, grouped by cause. Pure.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/compare/content.h"
#include "common/compare/facts.h"
#include "common/compare/formats/differences.h"
#include "common/compare/known_files.h"
#include "crossmill/v1/difference.pb.h"
#include "crossmill/v1/report.pb.h"

namespace crossmill::compare {

// The contents of the files of two layers.
class StepContents {
 public:
  virtual ~StepContents() = default;
  // NOT_FOUND: the layer has no such file, or its bytes are gone.
  virtual absl::StatusOr<std::unique_ptr<Content>> OpenFirst(const std::string& path) = 0;
  virtual absl::StatusOr<std::unique_ptr<Content>> OpenSecond(const std::string& path) = 0;
};

struct StepLimits {
  CompareLimits file;
  // Paths whose contents are compared, and bytes of them in all; of a path behind these it is told that it
  // was not looked at.
  size_t paths = 2000;
  int64_t bytes = int64_t{1} << 30;
};

struct StepExplanation {
  // The gravest class first, then the one with most paths.
  std::vector<v1::CauseGroup> causes;
  // Why not all was looked at, for people; empty if it was.
  std::string problem;
  // All of it was looked at, and nothing differs but how contents are packed: times and order of members,
  // headers and levels of compression, the time in the header of compiled Python, times of the paths. What is
  // within is the same to the byte. Modes and owners of members are no packing, nor is a checksum of a file.
  bool only_packing = false;
};

// `differences`: of one layer against the other, all of them. Errors of single contents are told in
// `problem`; what a stop leaves is told so, too.
StepExplanation ExplainStep(absl::Span<const v1::PathDifference> differences,
                            const ComparedExecutions& executions, StepContents& contents,
                            const KnownFiles& known, const StepLimits& limits, const std::stop_token& stop);

// One path in depth, with causes.
absl::StatusOr<v1::FileDifference> ExplainFile(const v1::PathDifference& difference,
                                               absl::Span<const v1::PathDifference> differences,
                                               const ComparedExecutions& executions, StepContents& contents,
                                               const KnownFiles& known, const CompareLimits& limits,
                                               const std::stop_token& stop);

}  // namespace crossmill::compare
