// Why a package could not be built or found: what the console said about it, read by the farm's rules
// (common/failures).
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/types/span.h"
#include "common/failures/failure_rules.h"

namespace crossmill::packages {

struct PackageFailure {
  // "no-compiler", "header", ...: docs/failures.md lists them; "unknown" when no line is known.
  std::string failure_class;
  // The line that gave it away, trimmed; of an unknown class the last meaningful one. May be empty.
  std::string line;
  // What its rule says there is to do.
  failures::Need need;
  // Of the Python whose headers the compiler was told last: "/usr" and "3.11". Empty: none was seen.
  std::string python_prefix;
  std::string python_version;
};

// Takes what was printed about one failure, line by line, and keeps only what decides: the line of the most
// specific class (of several such lines the last), and the last meaningful line. What pip says about itself
// ("note: ...", "hint: See above", frames, counters) is never quoted.
class PackageFailureReader {
 public:
  explicit PackageFailureReader(
      std::shared_ptr<const failures::FailureRules> rules = failures::FailureRules::BuiltIn())
      : rules_(std::move(rules)) {}

  // `line` may be indented and may carry the frame that pip and uv draw.
  void Add(std::string_view line);
  // The requirement that could not be met, as it stands on the console ("numpy==1.21.0"), and what pip said
  // before about releases that it ignored for this Python: they are the reason if what was asked for is among
  // them. `local_index`: the only index is at a loopback address. pip does not say that it got no answer
  // (without retries), only that there are no versions; an index in the step itself that has none is one that
  // nobody runs.
  void SetUnmet(std::string_view requirement, std::string_view ignored, bool local_index);
  bool empty() const { return !rule_ && last_.empty(); }
  // Forgets everything but the rules.
  void Clear() { *this = PackageFailureReader(rules_); }
  PackageFailure Read() const;

 private:
  void Match(std::string_view line);
  void KeepPython(std::string_view line);
  PackageFailure Judge() const;

  std::shared_ptr<const failures::FailureRules> rules_;
  std::optional<failures::FailureRules::Rank> rule_;
  // As it is quoted, and what of it the rule read.
  std::string rule_line_;
  std::string matched_;
  // The last meaningful line, and the last of those that speak of an error.
  std::string last_;
  std::string last_error_;
  // "Ignored the following versions that require a different python version: ...", if that is the reason.
  std::string ignored_line_;
  bool no_index_ = false;
  // pip has given a source distribution up, and looks for another one.
  bool discarded_ = false;
  std::string python_prefix_;
  std::string python_version_;
};

PackageFailure ClassifyPackageFailure(absl::Span<const std::string> lines);
// "ERROR: Ignored the following versions that require a different python version: ...".
bool TellsIgnoredReleases(std::string_view line);
// A run that ends before it names a package: pip or uv do not touch the distribution's Python (PEP 668), or
// uv has no git.
bool TellsNoPackage(std::string_view line);

}  // namespace crossmill::packages
