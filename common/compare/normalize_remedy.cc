#include "common/compare/normalize_remedy.h"

#include <fnmatch.h>

#include <algorithm>

#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/words/normalize_rules.h"

namespace crossmill::compare {
namespace {

bool Lists(std::string_view words, std::string_view word) {
  for (const absl::string_view each : absl::StrSplit(Av(words), ',')) {
    if (Sv(each) == word || each == "*") return true;
  }
  return false;
}

bool Matches(std::string_view globs, const std::string& path) {
  for (const absl::string_view each : absl::StrSplit(Av(globs), ',')) {
    if (fnmatch(std::string(each).c_str(), path.c_str(), 0) == 0) return true;
  }
  return false;
}

// Rules about compiled files are about parts of them.
bool FitsPlace(const NormalizeRule& rule, const v1::ContentDifference* difference) {
  if (rule.name == "pyc-times") {
    return difference != nullptr && difference->inside().empty() &&
           difference->place() == "time of the source in the header";
  }
  const auto in_section = [](const std::string& part) { return part.starts_with("section "); };
  const bool compiled = difference != nullptr &&
                        std::any_of(difference->inside().begin(), difference->inside().end(), in_section);
  if (rule.name == "build-paths") return compiled;
  // The order of symbols is a linker's.
  if (rule.name == "python-hash-seed") return !compiled;
  return true;
}

const NormalizeRule* RuleAgainst(std::string_view path, const v1::ContentDifference* difference,
                                 std::string_view cause) {
  const std::string name(path);
  for (const NormalizeRule& rule : NormalizeRules()) {
    if (!rule.causes.empty() && Lists(rule.causes, cause) && Matches(rule.files, name) &&
        FitsPlace(rule, difference))
      return &rule;
  }
  return nullptr;
}

}  // namespace

void AddNormalizeRemedy(std::string_view path, const v1::ContentDifference* difference,
                        absl::Span<const std::string> applied, v1::Cause* cause) {
  const NormalizeRule* rule = RuleAgainst(path, difference, cause->class_());
  if (rule == nullptr || std::find(applied.begin(), applied.end(), rule->name) != applied.end()) return;
  cause->set_normalize(std::string(rule->name));
  cause->set_remedy(fmt::format("{}{}crossmill build --normalize={}{}{}", cause->remedy(),
                                cause->remedy().empty() ? "" : " Or ", rule->name,
                                rule->proviso.empty() ? "" : ", ", rule->proviso));
}

}  // namespace crossmill::compare
