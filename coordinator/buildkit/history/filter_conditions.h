// What the filters of BuildKit's clients have in common, over records of any kind: alternatives, of which
// each is conditions that all have to hold, and conditions on a field, as containerd's filters have them.
// Pure.
#pragma once

#include <re2/re2.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/base/utf8.h"

namespace crossmill::coordinator::buildkit {

inline absl::Status MeansNothing(std::string_view condition, std::string_view expected) {
  return absl::InvalidArgumentError(fmt::format("filter {}: expected {}", Printable(condition), expected));
}

// `text` is the condition, for errors. Without a sign the field has to be there; with one the value, in
// quotes or not, is compared ("==", "!=") or is a regular expression ("~=").
template <typename Record>
absl::StatusOr<std::function<bool(const Record&)>> FieldCondition(
    std::string_view text, std::string_view sign, std::string_view value,
    std::function<std::optional<std::string>(const Record&)> field_of) {
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
    value = value.substr(1, value.size() - 2);
  if (sign.empty()) return [field_of](const Record& record) { return field_of(record).has_value(); };
  if (sign == "~=") {
    re2::RE2::Options options;
    options.set_log_errors(false);
    const auto expression = std::make_shared<const re2::RE2>(std::string(value), options);
    if (!expression->ok()) return MeansNothing(text, "a regular expression");
    return [field_of, expression](const Record& record) {
      const auto field = field_of(record);
      return field && re2::RE2::PartialMatch(*field, *expression);
    };
  }
  return [field_of, value = std::string(value), equal = sign == "=="](const Record& record) {
    const auto field = field_of(record);
    return equal ? field && *field == value : !field || *field != value;
  };
}

// Immutable.
template <typename Record>
class FilterAlternatives {
 public:
  using Condition = std::function<bool(const Record&)>;

  // Texts with commas between conditions, which `read` understands; empty ones count for nothing.
  // INVALID_ARGUMENT: more than 100 conditions, or one of more than 4 KiB.
  static absl::StatusOr<FilterAlternatives> Parse(
      const std::vector<std::string>& texts,
      const std::function<absl::StatusOr<Condition>(std::string_view)>& read) {
    constexpr size_t kMost = 100;
    constexpr size_t kLongest = 4 << 10;
    FilterAlternatives filter;
    size_t count = 0;
    for (const std::string& text : texts) {
      if (text.empty()) continue;
      auto& conditions = filter.alternatives_.emplace_back();
      for (const absl::string_view condition : absl::StrSplit(text, ',', absl::SkipEmpty())) {
        if (++count > kMost || condition.size() > kLongest) {
          return absl::InvalidArgumentError(
              fmt::format("a filter has {} conditions of {} bytes at most", kMost, kLongest));
        }
        ASSIGN_OR_RETURN(Condition made, read(Sv(condition)));
        conditions.push_back(std::move(made));
      }
    }
    return filter;
  }

  // Without any everything passes.
  bool Matches(const Record& record) const {
    return alternatives_.empty() ||
           std::any_of(alternatives_.begin(), alternatives_.end(), [&](const auto& conditions) {
             return std::all_of(conditions.begin(), conditions.end(),
                                [&](const Condition& condition) { return condition(record); });
           });
  }

 private:
  std::vector<std::vector<Condition>> alternatives_;
};

}  // namespace crossmill::coordinator::buildkit
