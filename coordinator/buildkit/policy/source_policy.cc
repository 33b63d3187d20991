#include "coordinator/buildkit/policy/source_policy.h"

#include <re2/re2.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "common/base/status.h"
#include "common/base/utf8.h"
#include "coordinator/buildkit/policy/expansion.h"

namespace crossmill::coordinator::buildkit {
namespace {

namespace bk = ::moby::buildkit::v1;

constexpr size_t kMostRules = 4096;
constexpr size_t kLongestText = 16 << 10;
// As BuildKit counts.
constexpr int kMostConversions = 20;
// Of one compiled expression.
constexpr int64_t kMostMemory = int64_t{1} << 20;
constexpr size_t kShownText = 200;

std::string Shown(std::string_view text) { return Printable(CutBetweenCharacters(text, kShownText)); }

std::string ActionName(int action) {
  return bk::SourceAction_IsValid(action) ? bk::SourceAction_Name(static_cast<bk::SourceAction>(action))
                                          : fmt::format("action {}", action);
}

re2::RE2::Options ExpressionOptions() {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kMostMemory);
  return options;
}

// "a*b" as the expression that matches all of a text, with a group for each "*".
absl::StatusOr<std::string> ExpressionOfWildcard(std::string_view wildcard) {
  if (wildcard.find("**") != std::string_view::npos)
    return absl::InvalidArgumentError("\"**\" means nothing: expected single \"*\", or match type REGEX");
  std::string expression = "^";
  while (true) {
    const size_t star = wildcard.find('*');
    const std::string_view plain = wildcard.substr(0, star);
    expression += re2::RE2::QuoteMeta({plain.data(), plain.size()});
    if (star == std::string_view::npos) return expression + "$";
    expression += "(.*)";
    wildcard.remove_prefix(star + 1);
  }
}

absl::StatusOr<std::unique_ptr<const re2::RE2>> Compile(const std::string& expression) {
  auto compiled = std::make_unique<const re2::RE2>(expression, ExpressionOptions());
  if (!compiled->ok())
    return absl::InvalidArgumentError(
        fmt::format("\"{}\" is no regular expression: {}", Shown(expression), compiled->error()));
  return compiled;
}

bool Matches(const re2::RE2& expression, std::string_view text) {
  return re2::RE2::PartialMatch({text.data(), text.size()}, expression);
}

absl::Status CheckTexts(const bk::SourceRule& rule) {
  std::vector<std::string_view> texts = {rule.selector().identifier(), rule.updates().identifier()};
  for (const bk::SourceConstraint& each : rule.selector().constraints()) {
    texts.emplace_back(each.key());
    texts.emplace_back(each.value());
  }
  for (const auto& [key, value] : rule.updates().attrs()) {
    texts.emplace_back(key);
    texts.emplace_back(value);
  }
  size_t bytes = 0;
  for (const std::string_view text : texts) bytes += text.size();
  if (bytes <= kLongestText) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("its texts have {} bytes: there may be {}", bytes, kLongestText));
}

}  // namespace

struct SourcePolicy::Rule {
  bk::SourceRule rule;
  // "rule 3 (DENY docker-image://*)"
  std::string name;
  // Of the selector; none for EXACT.
  std::unique_ptr<const re2::RE2> expression;
  // Parallel to the constraints; none for those that compare.
  std::vector<std::unique_ptr<const re2::RE2>> constraints;

  absl::Status Prepare();
  absl::StatusOr<bool> MatchConstraints(const PolicySource& source) const;
  absl::StatusOr<bool> Match(const PolicySource& source) const;
  // Whether something was changed.
  absl::StatusOr<bool> Convert(PolicySource* source) const;
};

absl::Status SourcePolicy::Rule::Prepare() {
  if (!rule.has_selector()) return absl::InvalidArgumentError("it has no selector");
  RETURN_IF_ERROR(CheckTexts(rule));
  if (!bk::SourceAction_IsValid(rule.action()))
    return absl::InvalidArgumentError("expected ALLOW, DENY or CONVERT");
  const bk::SourceSelector& selector = rule.selector();
  switch (selector.match_type()) {
    case bk::EXACT:
      break;
    case bk::REGEX: {
      ASSIGN_OR_RETURN(expression, Compile(selector.identifier()));
      break;
    }
    case bk::WILDCARD: {
      ASSIGN_OR_RETURN(const std::string text, ExpressionOfWildcard(selector.identifier()));
      ASSIGN_OR_RETURN(expression, Compile(text));
      break;
    }
    default:
      return absl::InvalidArgumentError(
          fmt::format("match type {}: expected WILDCARD, EXACT or REGEX", selector.match_type()));
  }
  for (const bk::SourceConstraint& each : selector.constraints()) {
    if (!bk::SourceCondition_IsValid(each.condition())) {
      return absl::InvalidArgumentError(fmt::format("condition {} on {}: expected EQUAL, NOTEQUAL or MATCHES",
                                                    each.condition(), Shown(each.key())));
    }
    constraints.emplace_back();
    if (each.condition() == bk::MATCHES) {
      ASSIGN_OR_RETURN(constraints.back(), Compile(each.value()));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> SourcePolicy::Rule::MatchConstraints(const PolicySource& source) const {
  const auto& wanted = rule.selector().constraints();
  for (int i = 0; i < wanted.size(); ++i) {
    const bk::SourceConstraint& each = wanted[i];
    const auto found = source.attributes.find(each.key());
    const std::string value = found == source.attributes.end() ? "" : found->second;
    const bool unknown =
        found == source.attributes.end() &&
        std::any_of(source.unknown.begin(), source.unknown.end(),
                    [&](const std::string& beginning) { return each.key().starts_with(beginning); });
    if (unknown) {
      return absl::UnimplementedError(fmt::format(
          "source policy: {} has a condition on {}, which this farm does not know of {}: leave the condition "
          "out",
          name, Shown(each.key()), Shown(source.identifier)));
    }
    const auto at = static_cast<size_t>(i);
    const bool holds = each.condition() == bk::MATCHES    ? Matches(*constraints[at], value)
                       : each.condition() == bk::NOTEQUAL ? value != each.value()
                                                          : value == each.value();
    if (!holds) return false;
  }
  return true;
}

absl::StatusOr<bool> SourcePolicy::Rule::Match(const PolicySource& source) const {
  // An attribute that is not known matters only to what the rule names otherwise.
  const bool named = rule.selector().identifier() == source.identifier ||
                     (expression != nullptr && Matches(*expression, source.identifier));
  if (!named) return false;
  return MatchConstraints(source);
}

absl::StatusOr<bool> SourcePolicy::Rule::Convert(PolicySource* source) const {
  if (!rule.has_updates())
    return absl::InvalidArgumentError(
        fmt::format("source policy: {} does not say what to take: it has no updates", name));
  const bk::SourceSelector& selector = rule.selector();
  const std::string& wanted =
      rule.updates().identifier().empty() ? selector.identifier() : rule.updates().identifier();
  std::string identifier = wanted;
  if (selector.match_type() == bk::REGEX) {
    identifier = ReplaceMatches(*expression, source->identifier, wanted, kLongestText);
  } else if (selector.match_type() == bk::WILDCARD) {
    identifier = ExpandMatch(*expression, source->identifier, wanted, source->identifier);
  }
  if (identifier.size() > kLongestText) {
    return absl::InvalidArgumentError(
        fmt::format("source policy: {} makes a source of more than {} bytes of {}", name, kLongestText,
                    Shown(source->identifier)));
  }
  bool changed = false;
  if (!identifier.empty() && identifier != source->identifier) {
    source->identifier = std::move(identifier);
    changed = true;
  }
  for (const auto& [key, value] : rule.updates().attrs()) {
    std::string& attribute = source->attributes[key];
    changed = changed || attribute != value;
    attribute = value;
  }
  return changed;
}

absl::StatusOr<SourcePolicy> SourcePolicy::Read(const std::vector<bk::SourcePolicy>& policies) {
  SourcePolicy read;
  size_t rules = 0;
  for (const bk::SourcePolicy& policy : policies) {
    if (policy.rules().empty()) continue;
    auto& added = read.policies_.emplace_back();
    for (const bk::SourceRule& rule : policy.rules()) {
      if (++rules > kMostRules) {
        return absl::InvalidArgumentError(
            fmt::format("source policy: more than {} rules: join them with \"*\"", kMostRules));
      }
      auto made = std::make_shared<Rule>();
      made->rule = rule;
      made->name = fmt::format("rule {} ({} {})", rules, ActionName(rule.action()),
                               Shown(rule.selector().identifier()));
      RETURN_IF_ERROR(Annotate(made->Prepare(), fmt::format("source policy: {}", made->name)));
      added.push_back(std::move(made));
    }
  }
  return read;
}

absl::StatusOr<bool> SourcePolicy::EvaluateOne(const std::vector<std::shared_ptr<const Rule>>& rules,
                                               PolicySource* source) const {
  const Rule* denied = nullptr;
  for (const std::shared_ptr<const Rule>& rule : rules) {
    ASSIGN_OR_RETURN(const bool matched, rule->Match(*source));
    if (!matched) continue;
    switch (rule->rule.action()) {
      case bk::ALLOW:
        denied = nullptr;
        break;
      case bk::DENY:
        denied = rule.get();
        break;
      default: {
        ASSIGN_OR_RETURN(const bool changed, rule->Convert(source));
        if (changed) return true;
      }
    }
  }
  if (denied == nullptr) return false;
  return absl::PermissionDeniedError(
      fmt::format("source \"{}\" denied by policy: {}", Shown(source->identifier), denied->name));
}

absl::StatusOr<PolicySource> SourcePolicy::Evaluate(PolicySource source) const {
  const std::string first = source.identifier;
  for (int round = 0; round <= kMostConversions; ++round) {
    bool changed = false;
    for (const auto& rules : policies_) {
      auto evaluated = EvaluateOne(rules, &source);
      if (!evaluated.ok() && source.identifier != first) {
        return absl::Status(
            evaluated.status().code(),
            Av(fmt::format("{} (in place of \"{}\")", Sv(evaluated.status().message()), Shown(first))));
      }
      RETURN_IF_ERROR(evaluated.status());
      changed = *evaluated;
      if (changed) break;
    }
    if (!changed) return source;
  }
  return absl::InvalidArgumentError(
      fmt::format("source policy: more than {} conversions of \"{}\": its rules go round in a circle",
                  kMostConversions, Shown(first)));
}

}  // namespace crossmill::coordinator::buildkit
