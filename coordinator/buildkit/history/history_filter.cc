#include "coordinator/buildkit/history/history_filter.h"

#include <re2/re2.h>

#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/fetch/git_reference.h"

namespace crossmill::coordinator::buildkit {
namespace {

constexpr size_t kMostConditions = 100;
constexpr size_t kLongestCondition = 4 << 10;

// "KEY OPERATOR VALUE"; without an operator the key alone.
struct Words {
  std::string_view key, sign, value;
};

Words Cut(std::string_view text, const std::vector<std::string_view>& signs) {
  for (const std::string_view sign : signs) {
    if (const size_t at = text.find(sign); at != std::string_view::npos)
      return {text.substr(0, at), sign, text.substr(at + sign.size())};
  }
  return {text, "", ""};
}

absl::Status MeansNothing(std::string_view condition, std::string_view expected) {
  return absl::InvalidArgumentError(fmt::format("filter {}: expected {}", Printable(condition), expected));
}

int64_t SecondsOf(const google::protobuf::Timestamp& time) { return time.seconds(); }

bool Compare(int64_t left, std::string_view sign, int64_t right) {
  if (sign == ">=") return left >= right;
  if (sign == "<=") return left <= right;
  return sign == ">" ? left > right : left < right;
}

// Nothing: it is no condition on a time.
absl::StatusOr<std::optional<std::function<bool(const bk::BuildHistoryRecord&)>>> TimeCondition(
    std::string_view text, absl::Time now) {
  using Found = std::optional<std::function<bool(const bk::BuildHistoryRecord&)>>;
  const Words words = Cut(text, {">=", "<=", ">", "<"});
  const bool span_only = words.key == "duration";
  if (words.sign.empty() || (!span_only && words.key != "startedAt" && words.key != "completedAt"))
    return Found();
  absl::Duration span;
  absl::Time moment;
  std::string problem;
  const std::string sign(words.sign);
  if (absl::ParseDuration(Av(words.value), &span)) {
    moment = now - span;
  } else if (span_only || !absl::ParseTime(absl::RFC3339_full, Av(words.value), &moment, &problem)) {
    return MeansNothing(
        text, span_only ? "a duration (\"5m\")" : "a duration (\"24h\") or a time as RFC 3339 has it");
  }
  if (span_only) {
    return Found([sign, span](const bk::BuildHistoryRecord& record) {
      const absl::Duration took =
          record.has_completedat()
              ? absl::Seconds(record.completedat().seconds() - record.createdat().seconds()) +
                    absl::Nanoseconds(record.completedat().nanos() - record.createdat().nanos())
              : absl::ZeroDuration();
      return Compare(absl::ToInt64Nanoseconds(took), sign, absl::ToInt64Nanoseconds(span));
    });
  }
  const bool started = words.key == "startedAt";
  const int64_t bound = absl::ToUnixSeconds(moment);
  return Found([sign, bound, started](const bk::BuildHistoryRecord& record) {
    return Compare(SecondsOf(started ? record.createdat() : record.completedat()), sign, bound);
  });
}

std::optional<std::string> FieldOf(const bk::BuildHistoryRecord& record, std::string_view key) {
  if (key == "ref") return record.ref();
  if (key == "status") return StatusOf(record);
  const std::string repository = RepositoryOf(record);
  return repository.empty() ? std::nullopt : std::optional(repository);
}

std::string Unquoted(std::string_view value) {
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
    value = value.substr(1, value.size() - 2);
  return std::string(value);
}

absl::StatusOr<std::function<bool(const bk::BuildHistoryRecord&)>> FieldCondition(std::string_view text) {
  const Words words = Cut(text, {"==", "!=", "~="});
  const std::string key(words.key);
  if (key != "ref" && key != "status" && key != "repository")
    return MeansNothing(text, "ref, status, repository, startedAt, completedAt or duration");
  const std::string value = Unquoted(words.value);
  if (words.sign.empty()) {
    if (key != text) return MeansNothing(text, "==, != or ~=");
    return [key](const bk::BuildHistoryRecord& record) { return FieldOf(record, key).has_value(); };
  }
  if (words.sign == "~=") {
    re2::RE2::Options options;
    options.set_log_errors(false);
    const auto expression = std::make_shared<const re2::RE2>(value, options);
    if (!expression->ok()) return MeansNothing(text, "a regular expression");
    return [key, expression](const bk::BuildHistoryRecord& record) {
      const auto field = FieldOf(record, key);
      return field && re2::RE2::PartialMatch(*field, *expression);
    };
  }
  const bool equal = words.sign == "==";
  return [key, value, equal](const bk::BuildHistoryRecord& record) {
    const auto field = FieldOf(record, key);
    return equal ? field && *field == value : !field || *field != value;
  };
}

}  // namespace

std::string StatusOf(const bk::BuildHistoryRecord& record) {
  if (!record.has_completedat()) return "running";
  if (!record.has_error()) return "completed";
  // As clients tell them apart.
  return record.error().message().find("context canceled") != std::string::npos ? "canceled" : "error";
}

std::string RepositoryOf(const bk::BuildHistoryRecord& record) {
  const auto& attributes = record.frontendattrs();
  if (const auto source = attributes.find("vcs:source"); source != attributes.end()) return source->second;
  const auto context = attributes.find("context");
  if (context == attributes.end()) return "";
  const auto git = fetch::ParseGitReference(context->second, fetch::GitShorthand::kAllow);
  return git.ok() ? git->remote : "";
}

absl::StatusOr<HistoryFilter> HistoryFilter::Parse(const std::vector<std::string>& texts, absl::Time now) {
  HistoryFilter filter;
  size_t count = 0;
  for (const std::string& text : texts) {
    if (text.empty()) continue;
    auto& conditions = filter.alternatives_.emplace_back();
    for (const absl::string_view condition : absl::StrSplit(text, ',', absl::SkipEmpty())) {
      if (++count > kMostConditions || condition.size() > kLongestCondition)
        return absl::InvalidArgumentError(fmt::format("a filter has {} conditions of {} bytes at most",
                                                      kMostConditions, kLongestCondition));
      ASSIGN_OR_RETURN(auto of_time, TimeCondition(Sv(condition), now));
      if (of_time) {
        conditions.push_back(*std::move(of_time));
        continue;
      }
      ASSIGN_OR_RETURN(auto of_field, FieldCondition(Sv(condition)));
      conditions.push_back(std::move(of_field));
    }
  }
  return filter;
}

bool HistoryFilter::Matches(const bk::BuildHistoryRecord& record) const {
  if (alternatives_.empty()) return true;
  for (const std::vector<Condition>& conditions : alternatives_) {
    bool all = true;
    for (const Condition& condition : conditions) all = all && condition(record);
    if (all) return true;
  }
  return false;
}

}  // namespace crossmill::coordinator::buildkit
