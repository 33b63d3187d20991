// Docker's ignore files, and --exclude: which paths of a folder are left out.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/pattern/path_pattern.h"

namespace crossmill::pattern {

// Rules in order; the last one that matches a path, or a folder it is in, decides. As in moby/patternmatcher,
// on the way down a rule counts for a folder only where it changed something there: of "p/c" and "!p" the
// second says nothing about p, which was not hidden, and so nothing about p/c. Immutable, thread safe. Paths
// are relative to the context, slash-separated, without leading or trailing slash.
class IgnoreRules {
 public:
  struct Rule {
    // Counted from 1.
    int line = 0;
    // As written, without surrounding blanks.
    std::string text;
  };

  // No rules: nothing is excluded.
  IgnoreRules() = default;

  // An ignore file. A byte order mark is skipped; lines that begin with `#` are comments; patterns are
  // cleaned, a leading slash means nothing, `!` makes an exception.
  // INVALID_ARGUMENT: "LINE: what is wrong; what was expected".
  static absl::StatusOr<IgnoreRules> Parse(std::string_view text);

  // One rule per pattern (--exclude); line is the position counted from 1. As in Docker's builder a leading
  // slash stays here, and such a pattern matches nothing.
  static absl::StatusOr<IgnoreRules> FromPatterns(absl::Span<const std::string> patterns);

  // What the rules say of a path, parents considered. kMaybeBelow: it is hidden, but an exception may bring
  // back something below it; the folders on the way to that come with it.
  enum class Verdict { kTaken, kHidden, kMaybeBelow };
  Verdict Judge(std::string_view path) const;

  // The rule that hides the path, parents considered; none if it is in the context.
  std::optional<Rule> Excluding(std::string_view path) const;

  // For a folder that is excluded: some later exception could bring back something below it, so it
  // has to be walked.
  bool MayHaveExceptionBelow(std::string_view folder) const;

  bool empty() const { return rules_.empty(); }

 private:
  struct CompiledRule {
    Rule rule;
    PathPattern pattern;
    bool exception;
  };
  enum class LeadingSlash { kDropped, kKept };
  absl::Status Add(std::string_view pattern, int line, LeadingSlash slash);
  int ExcludingIndex(std::string_view path) const;

  std::vector<CompiledRule> rules_;
  bool has_exceptions_ = false;
};

}  // namespace crossmill::pattern
