#include "coordinator/buildkit/history/usage_filter.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "absl/strings/str_join.h"
#include "common/base/status.h"

namespace crossmill::coordinator::buildkit {
namespace {

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
  const std::string_view sign = text.substr(at, 2);
  const bool known_sign = sign.empty() || sign == "==" || sign == "!=" || sign == "~=";
  if (!kKeys.contains(key) || !known_sign) {
    return MeansNothing(
        text, fmt::format("{}, alone or with ==, != or ~= and a value", absl::StrJoin(kKeys, ", ")));
  }
  return FieldCondition<bk::UsageRecord>(
      text, sign, text.substr(at + sign.size()),
      [key](const bk::UsageRecord& record) { return UsageField(record, key); });
}

}  // namespace

absl::StatusOr<UsageFilter> UsageFilter::Parse(const std::vector<std::string>& texts) {
  ASSIGN_OR_RETURN(Alternatives alternatives, Alternatives::Parse(texts, UsageCondition));
  return UsageFilter(std::move(alternatives));
}

}  // namespace crossmill::coordinator::buildkit
