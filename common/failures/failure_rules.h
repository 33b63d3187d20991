// What a line of a console tells about why a package could not be built or found: rules from rule files, ours
// and the operator's. Pure. docs/failures.md has the format.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/failures/provider_table.h"

namespace crossmill::failures {

// What a rule says there is to do, with the words of the line in it.
struct Need {
  // All of them are to be installed.
  std::vector<Thing> install;
  // These only where the step's root lacks them.
  std::vector<Thing> also;
  // A sentence that names what is to be installed somewhere; empty: none.
  std::string words;
  // What is installed has to be this new.
  Release least;
  // A requirement that holds while packages are built: "setuptools<82".
  std::string constraint;
  // NAME=value for the installers.
  std::vector<std::string> pip_variables;
  std::vector<std::string> uv_variables;
  // What to do where no package is known, or nothing is to be installed.
  std::string say;
  // Said in any case.
  std::string note;

  bool operator==(const Need&) const = default;
};

struct RuleFile {
  // For messages.
  std::string name;
  std::string text;
};

// The rules of this program, from general to specific.
absl::Span<const RuleFile> EmbeddedRuleFiles();

// Immutable and thread safe. Time is linear in the line, whatever it holds and whatever the rules are (RE2).
class FailureRules {
 public:
  // Higher is more specific.
  using Rank = size_t;

  // Ours, and those of `more` in order: their rules rank above all that come before them, but those that say
  // `general` below all; their `provide` lines replace ours of equal names. INVALID_ARGUMENT names file and
  // line, and what to do.
  static absl::StatusOr<std::shared_ptr<const FailureRules>> Load(absl::Span<const RuleFile> more);
  // Ours alone. Never fails: a test reads them.
  static std::shared_ptr<const FailureRules> BuiltIn();
  ~FailureRules();

  // The most specific rule of those from `least` on that the line shows. Only the first 4 KiB of it are
  // looked at: nothing longer is a message.
  std::optional<Rank> Find(std::string_view line, Rank least) const;
  const std::string& ClassOf(Rank rank) const;
  // What the rule that Find gave for this line says.
  Need NeedOf(Rank rank, std::string_view line) const;
  // What the least specific rule of the class says without a line; empty if there is none.
  Need NeedOfClass(std::string_view failure_class) const;
  const ProviderTable& providers() const { return providers_; }

 private:
  struct Rule;
  struct Patterns;
  class Reader;

  FailureRules();
  std::vector<Rank> Candidates(std::string_view line) const;

  std::vector<Rule> rules_;
  std::unique_ptr<Patterns> patterns_;
  ProviderTable providers_;
};

}  // namespace crossmill::failures
