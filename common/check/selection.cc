#include "common/check/selection.h"

#include "absl/strings/ascii.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/dockerfile/recipe_error.h"

namespace crossmill::check {
namespace {

// Calls `take` with each trimmed part between separators.
template <typename Function>
absl::Status Split(std::string_view text, char separator, const Function& take) {
  while (true) {
    const size_t end = text.find(separator);
    RETURN_IF_ERROR(take(Trim(text.substr(0, end))));
    if (end == std::string_view::npos) return absl::OkStatus();
    text.remove_prefix(end + 1);
  }
}

absl::Status TakeNames(std::string_view names, bool* all, std::set<std::string, std::less<>>* set) {
  if (names == "all") {
    *all = true;
    return absl::OkStatus();
  }
  return Split(names, ',', [&](std::string_view name) {
    if (!name.empty()) set->emplace(name);
    return absl::OkStatus();
  });
}

}  // namespace

bool Selection::Applies(const Rule& rule) const {
  if (rule.id == kRecipeError) return true;
  if (!only.empty()) return only.contains(rule.id);
  if (rule.experimental) return experimental_all || experimental.contains(rule.id);
  return !skip_all && !skipped.contains(rule.id);
}

absl::StatusOr<Selection> ParseSelection(std::string_view text) {
  Selection selection;
  text = Trim(text);
  if (text.empty()) return selection;
  RETURN_IF_ERROR(Split(text, ';', [&](std::string_view part) -> absl::Status {
    const size_t equals = part.find('=');
    const std::string_view name = Trim(part.substr(0, equals));
    const std::string_view value = equals == std::string_view::npos ? "" : Trim(part.substr(equals + 1));
    if (equals != std::string_view::npos && name == "skip")
      return TakeNames(value, &selection.skip_all, &selection.skipped);
    if (equals != std::string_view::npos && name == "experimental")
      return TakeNames(value, &selection.experimental_all, &selection.experimental);
    if (equals != std::string_view::npos && name == "error") {
      const std::string lower = absl::AsciiStrToLower(Av(value));
      const bool yes = lower == "true" || lower == "1" || lower == "t";
      if (!yes && lower != "false" && lower != "0" && lower != "f") {
        return absl::InvalidArgumentError(
            fmt::format("check option error has the value '{}'; expected true or false", value));
      }
      selection.error = yes;
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(fmt::format(
        "unknown check option '{}'{}", part,
        dockerfile::DidYouMean(name, std::vector<std::string>{"skip", "experimental", "error"}).empty()
            ? "; expected skip=RULE,..., experimental=RULE,... or error=true"
            : dockerfile::DidYouMean(name, std::vector<std::string>{"skip", "experimental", "error"})));
  }));
  return selection;
}

}  // namespace crossmill::check
