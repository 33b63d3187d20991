#include "coordinator/buildkit/history/usage_filter.h"

#include <re2/re2.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/base/utf8.h"

namespace crossmill::coordinator::buildkit {
namespace {

constexpr size_t kMostUsageConditions = 100;
constexpr size_t kLongestUsageCondition = 4 << 10;

// Nothing: the record does not have it. Whether something is so has no value.
std::optional<std::string> UsageField(const bk::UsageRecord& record, std::string_view key) {
  const auto text = [](const std::string& value) {
    return value.empty() ? std::nullopt : std::optional(value);
  };
  const auto truth = [](bool holds) { return holds ? std::optional(std::string()) : std::nullopt; };
  if (key == "id") return text(record.id());
  if (key == "parents") return text(absl::StrJoin(record.parents(), ";"));
  if (key == "description") return text(record.description());
  if (key == "type") return text(record.recordtype());
  if (key == "inuse") return truth(record.inuse());
  if (key == "mutable") return truth(record.mutable_());
  if (key == "immutable") return truth(!record.mutable_());
  if (key == "shared") return truth(record.shared());
  return truth(!record.shared());
}

absl::StatusOr<std::function<bool(const bk::UsageRecord&)>> UsageCondition(std::string_view text) {
  static const std::set<std::string, std::less<>> kKeys = {
      "id", "parents", "description", "type", "inuse", "mutable", "immutable", "shared", "private"};
  const size_t at = std::min(text.find_first_of("=!~"), text.size());
  const std::string key(text.substr(0, at));
  const std::string sign(text.substr(at, 2));
  std::string value(text.substr(std::min(at + 2, text.size())));
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
    value = value.substr(1, value.size() - 2);
  const bool known_sign = sign.empty() || sign == "==" || sign == "!=" || sign == "~=";
  if (!kKeys.contains(key) || !known_sign) {
    return absl::InvalidArgumentError(
        fmt::format("filter {}: expected {}, alone or with ==, != or ~= and a value", Printable(text),
                    absl::StrJoin(kKeys, ", ")));
  }
  if (sign.empty())
    return [key](const bk::UsageRecord& record) { return UsageField(record, key).has_value(); };
  if (sign == "~=") {
    re2::RE2::Options options;
    options.set_log_errors(false);
    const auto expression = std::make_shared<const re2::RE2>(value, options);
    if (!expression->ok())
      return absl::InvalidArgumentError(
          fmt::format("filter {}: expected a regular expression", Printable(text)));
    return [key, expression](const bk::UsageRecord& record) {
      const auto field = UsageField(record, key);
      return field && re2::RE2::PartialMatch(*field, *expression);
    };
  }
  const bool equal = sign == "==";
  return [key, value, equal](const bk::UsageRecord& record) {
    const auto field = UsageField(record, key);
    return equal ? field && *field == value : !field || *field != value;
  };
}

}  // namespace

absl::StatusOr<UsageFilter> UsageFilter::Parse(const std::vector<std::string>& texts) {
  UsageFilter filter;
  size_t count = 0;
  for (const std::string& text : texts) {
    if (text.empty()) continue;
    auto& conditions = filter.alternatives_.emplace_back();
    for (const absl::string_view condition : absl::StrSplit(text, ',', absl::SkipEmpty())) {
      if (++count > kMostUsageConditions || condition.size() > kLongestUsageCondition) {
        return absl::InvalidArgumentError(fmt::format("a filter has {} conditions of {} bytes at most",
                                                      kMostUsageConditions, kLongestUsageCondition));
      }
      ASSIGN_OR_RETURN(auto made, UsageCondition(Sv(condition)));
      conditions.push_back(std::move(made));
    }
  }
  return filter;
}

bool UsageFilter::Matches(const bk::UsageRecord& record) const {
  if (alternatives_.empty()) return true;
  for (const std::vector<Condition>& conditions : alternatives_) {
    if (std::all_of(conditions.begin(), conditions.end(),
                    [&](const Condition& condition) { return condition(record); }))
      return true;
  }
  return false;
}

}  // namespace crossmill::coordinator::buildkit
