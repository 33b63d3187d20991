// What is wrong in the builds of a run, as a list with places in the recipe: the source of SARIF, code
// quality and summary. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "cli/pipeline/run.h"

namespace crossmill::cli {

struct RunRule {
  std::string_view id;
  // One sentence.
  std::string_view summary;
  bool error = true;
};

// All that a finding may name.
absl::Span<const RunRule> RunRules();

struct RunFinding {
  // RunRule.id.
  std::string rule;
  bool error = true;
  // One line, printable.
  std::string message;
  // Further lines, printable: the end of a console, causes.
  std::vector<std::string> details;
  // Empty: of the recipe as a whole.
  std::string file;
  // 0: none.
  uint32_t first_line = 0;
  uint32_t last_line = 0;
  std::string platform;
  // As FormatCombination, printable; empty: a build alone.
  std::string combination;
  int64_t build = 0;
};

// In the order of builds, stages and cells. Findings of one place and text that several platforms have are
// one for each.
std::vector<RunFinding> FindingsOf(const PipelineRun& run);

// The message behind the combination and the platform: "PYTHON=3.12: linux/arm64: ...".
std::string PlacedMessage(const RunFinding& finding);

// The same finding of a later run has the same, also when lines have moved: SHA-256 over rule, file,
// platform, combination and text, in hex.
std::string FingerprintOf(const RunFinding& finding);

}  // namespace crossmill::cli
