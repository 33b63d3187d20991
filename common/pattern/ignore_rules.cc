#include "common/pattern/ignore_rules.h"

#include <algorithm>

#include "common/base/status.h"
#include "common/base/text.h"

namespace crossmill::pattern {
namespace {

// Go's filepath.Clean without the leading slash. `..` that leads out stays and so matches nothing.
std::string CleanRelative(std::string_view path) {
  std::vector<std::string_view> segments;
  for (size_t begin = 0; begin <= path.size();) {
    size_t end = path.find('/', begin);
    if (end == std::string_view::npos) end = path.size();
    const std::string_view segment = path.substr(begin, end - begin);
    if (segment == ".." && !segments.empty() && segments.back() != "..") {
      segments.pop_back();
    } else if (segment == ".." && path.starts_with('/')) {
      // The root's parent is the root.
    } else if (!segment.empty() && segment != ".") {
      segments.push_back(segment);
    }
    begin = end + 1;
  }
  std::string clean;
  for (const std::string_view segment : segments) {
    if (!clean.empty()) clean += '/';
    clean += segment;
  }
  return clean;
}

}  // namespace

absl::StatusOr<IgnoreRules> IgnoreRules::Parse(std::string_view text) {
  IgnoreRules rules;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  int line = 0;
  while (!text.empty()) {
    ++line;
    const size_t end = text.find('\n');
    const std::string_view row = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (row.starts_with('#')) continue;
    const std::string_view pattern = Trim(row);
    if (pattern.empty()) continue;
    RETURN_IF_ERROR(Annotate(rules.Add(pattern, line, LeadingSlash::kDropped), fmt::format("{}", line)));
  }
  return rules;
}

absl::StatusOr<IgnoreRules> IgnoreRules::FromPatterns(absl::Span<const std::string> patterns) {
  IgnoreRules rules;
  int position = 0;
  for (const std::string& pattern : patterns) {
    ++position;
    if (!Trim(pattern).empty()) RETURN_IF_ERROR(rules.Add(Trim(pattern), position, LeadingSlash::kKept));
  }
  return rules;
}

absl::Status IgnoreRules::Add(std::string_view text, int line, LeadingSlash slash) {
  const bool exception = text.starts_with('!');
  const std::string_view body = exception ? Trim(text.substr(1)) : text;
  if (body.empty()) return absl::InvalidArgumentError("'!' stands alone; expected a pattern after it");
  std::string clean = CleanRelative(body);
  if (slash == LeadingSlash::kKept && body.starts_with('/')) clean.insert(0, 1, '/');
  ASSIGN_OR_RETURN(PathPattern pattern, PathPattern::Compile(clean, Dialect::kIgnore));
  has_exceptions_ = has_exceptions_ || exception;
  rules_.push_back({Rule{line, std::string(text)}, std::move(pattern), exception});
  return absl::OkStatus();
}

// The index of the rule that hides the path, or -1.
int IgnoreRules::ExcludingIndex(std::string_view path) const {
  if (!has_exceptions_) {
    const auto found = std::find_if(rules_.begin(), rules_.end(), [&](const CompiledRule& rule) {
      return rule.pattern.MatchesPathOrParent(path);
    });
    return found == rules_.end() ? -1 : static_cast<int>(found - rules_.begin());
  }
  // Per rule: it matches the folder that the loop is at, or one above. Only a rule that would change what the
  // rules before it say is tried, so a later one may not count although its pattern matches.
  std::vector<char> matches(rules_.size(), 0);
  int excluding = -1;
  for (size_t end = path.find('/');; end = path.find('/', end + 1)) {
    const std::string_view part = path.substr(0, end);
    excluding = -1;
    for (size_t i = 0; i < rules_.size(); ++i) {
      const bool would_change = rules_[i].exception == (excluding >= 0);
      if (matches[i] == 0 && would_change) matches[i] = rules_[i].pattern.Matches(part) ? 1 : 0;
      if (matches[i] != 0) excluding = rules_[i].exception ? -1 : static_cast<int>(i);
    }
    if (end == path.npos) return excluding;
  }
}

IgnoreRules::Verdict IgnoreRules::Judge(std::string_view path) const {
  if (ExcludingIndex(path) < 0) return Verdict::kTaken;
  return MayHaveExceptionBelow(path) ? Verdict::kMaybeBelow : Verdict::kHidden;
}

std::optional<IgnoreRules::Rule> IgnoreRules::Excluding(std::string_view path) const {
  const int index = ExcludingIndex(path);
  if (index < 0) return std::nullopt;
  return rules_[static_cast<size_t>(index)].rule;
}

bool IgnoreRules::MayHaveExceptionBelow(std::string_view folder) const {
  const int excluding = ExcludingIndex(folder);
  for (size_t i = excluding < 0 ? 0 : static_cast<size_t>(excluding) + 1; i < rules_.size(); ++i) {
    if (rules_[i].exception && rules_[i].pattern.MayMatchBelow(folder)) return true;
  }
  return false;
}

}  // namespace crossmill::pattern
