#include "common/compare/known_files.h"

#include <fnmatch.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/compare/causes.h"
#include "common/compare/embedded_rules.h"

namespace crossmill::compare {

absl::Status KnownFiles::CheckRule(const Rule& rule) {
  if (rule.when.empty()) return absl::InvalidArgumentError("a rule needs 'when CLASS[,CLASS...]'");
  if (rule.reason.empty()) return absl::InvalidArgumentError("a rule needs a reason: 'say ...'");
  std::vector<std::string> classes = rule.when;
  if (!rule.cause.empty()) classes.push_back(rule.cause);
  for (const std::string& word : classes) {
    if (FindCauseClass(word) == nullptr) {
      return absl::InvalidArgumentError(fmt::format("there is no class '{}' of causes", word));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<KnownFiles> KnownFiles::Parse(std::string_view name, std::string_view text) {
  KnownFiles known;
  bool in_body = true;
  int number = 0;
  int rule_line = 0;
  const auto check_last = [&]() -> absl::Status {
    if (known.rules_.empty()) return absl::OkStatus();
    return Annotate(CheckRule(known.rules_.back()), fmt::format("{}:{}", name, rule_line));
  };
  for (const absl::string_view line : absl::StrSplit(Av(text), '\n')) {
    ++number;
    const absl::string_view stripped = absl::StripAsciiWhitespace(line);
    if (stripped.empty() || stripped.front() == '#') continue;
    const std::pair<std::string, std::string> parts = absl::StrSplit(stripped, absl::MaxSplits(' ', 1));
    const auto& [word, value] = parts;
    const auto bad = [&](std::string_view why) {
      return absl::InvalidArgumentError(fmt::format("{}:{}: {}", name, number, why));
    };
    if (value.empty()) return bad(fmt::format("'{}' needs a value", word));
    if (word == "file") {
      if (in_body) {
        RETURN_IF_ERROR(check_last());
        known.rules_.emplace_back();
        rule_line = number;
      }
      in_body = false;
      known.rules_.back().paths.push_back(value[0] == '/' ? value.substr(1) : value);
      continue;
    }
    if (known.rules_.empty()) return bad("a rule begins with 'file GLOB'");
    in_body = true;
    Rule& rule = known.rules_.back();
    if (word == "when") {
      rule.when = absl::StrSplit(value, ',');
    } else if (word == "class") {
      rule.cause = value;
    } else if (word == "say") {
      rule.reason = value;
    } else if (word == "do") {
      rule.remedy = value;
    } else {
      return bad(fmt::format("'{}' is none of file, when, class, say, do", word));
    }
  }
  RETURN_IF_ERROR(check_last());
  return known;
}

const KnownFiles& KnownFiles::Embedded() {
  // A test parses them: a program with rules that cannot be parsed is not built.
  static const KnownFiles& known =
      *new KnownFiles(Parse("known_files.rules", EmbeddedRules()).value_or(KnownFiles()));
  return known;
}

std::shared_ptr<const KnownFiles> KnownFiles::Shared() {
  // Of the program: it is never deleted.
  return {&Embedded(), [](const KnownFiles*) {}};
}

KnownFiles KnownFiles::With(const KnownFiles& more) const {
  KnownFiles both = *this;
  both.rules_.insert(both.rules_.end(), more.rules_.begin(), more.rules_.end());
  return both;
}

void KnownFiles::Apply(std::string_view path, v1::Cause* cause) const {
  const std::string name(path);
  for (auto rule = rules_.rbegin(); rule != rules_.rend(); ++rule) {
    const auto glob = std::find_if(rule->paths.begin(), rule->paths.end(), [&](const std::string& each) {
      return fnmatch(each.c_str(), name.c_str(), 0) == 0;
    });
    if (glob == rule->paths.end()) continue;
    if (std::find(rule->when.begin(), rule->when.end(), cause->class_()) == rule->when.end()) continue;
    if (!rule->cause.empty() && rule->cause != cause->class_()) {
      cause->set_class_(rule->cause);
      cause->set_confidence(v1::Cause::CONFIDENCE_LIKELY);
    }
    cause->set_rule(*glob);
    cause->set_evidence(fmt::format("{}; {}", rule->reason, cause->evidence()));
    if (!rule->remedy.empty()) {
      cause->set_remedy(rule->remedy);
      cause->clear_remedy_lines();
    }
    return;
  }
}

}  // namespace crossmill::compare
