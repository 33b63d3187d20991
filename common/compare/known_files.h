// Rules for files that are known to differ: of distributions, and what an operator adds (docs/formats.md,
// "Causes"). Pure.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "crossmill/v1/difference.pb.h"

namespace crossmill::compare {

// Immutable, so thread safe.
class KnownFiles {
 public:
  // `text` in the rules' format; `name` is for errors. INVALID_ARGUMENT: name, line and what is wrong.
  static absl::StatusOr<KnownFiles> Parse(std::string_view name, std::string_view text);
  // Those that are part of the program.
  static const KnownFiles& Embedded();
  // The same, for who may have others in their place.
  static std::shared_ptr<const KnownFiles> Shared();
  // These, and then `more`, which rank before them.
  KnownFiles With(const KnownFiles& more) const;

  // Adds what a rule says of this path to a cause that was found in its bytes. The rule must be for such a
  // cause: what differs in another way is told as if there was no rule.
  void Apply(std::string_view path, v1::Cause* cause) const;

 private:
  struct Rule {
    // Globs in which * also stands for slashes.
    std::vector<std::string> paths;
    // Classes that it may be applied to.
    std::vector<std::string> when;
    // Empty: it stays what was found.
    std::string cause;
    std::string reason;
    std::string remedy;
  };
  static absl::Status CheckRule(const Rule& rule);

  std::vector<Rule> rules_;
};

}  // namespace crossmill::compare
