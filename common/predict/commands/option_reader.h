// Command lines of installers taken apart: options with their values, and what is left. Used in this room
// only.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/predict/commands/shell_script.h"

namespace crossmill::predict {

struct OptionSyntax {
  // Without dashes: what it is called in the result.
  std::string_view name;
  // All its spellings, with dashes, between blanks: "--requirement -r".
  std::string_view spellings;
  bool has_value = false;
};

struct GivenOption {
  std::string_view name;
  std::string value;
};

struct OptionWords {
  // In their order.
  std::vector<GivenOption> options;
  std::vector<std::string> arguments;

  bool Has(std::string_view name) const;
  // The last one; nullopt if it is not there.
  std::optional<std::string> Last(std::string_view name) const;
  std::vector<std::string> All(std::string_view name) const;
};

// `abbreviations`: a long option may be shortened as long as only one begins so (pip). INVALID_ARGUMENT names
// the option that is not known or lacks its value, or the word that is not known.
absl::StatusOr<OptionWords> ReadOptionWords(absl::Span<const ShellWord> words,
                                            absl::Span<const OptionSyntax> table, bool abbreviations);

}  // namespace crossmill::predict
