// Writes the files that a pipeline takes from `crossmill build`. Each is there, whole, from the moment when
// the build is submitted: whatever ends the program, it says what is known, and that it is incomplete.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "cli/pipeline/run.h"
#include "common/base/json.h"

namespace crossmill::cli {

// Empty: not wanted.
struct PipelinePaths {
  std::string junit;
  std::string metadata;
  std::string sarif;
  std::string code_quality;
  std::string summary;
};

// Not thread safe.
class PipelineFiles {
 public:
  explicit PipelineFiles(PipelinePaths paths) : paths_(std::move(paths)) {}

  bool any() const {
    return !paths_.junit.empty() || !paths_.metadata.empty() || TellsFindings() || !paths_.summary.empty();
  }
  // The recipe's findings are wanted.
  bool TellsFindings() const { return !paths_.sarif.empty() || !paths_.code_quality.empty(); }
  // A document as in SarifDocument.
  void SetCheck(Json check) { check_ = std::move(check); }

  // Replaces all of them. The first error, after all were tried.
  absl::Status Write(const PipelineRun& run) const;

 private:
  const PipelinePaths paths_;
  Json check_;
};

}  // namespace crossmill::cli
