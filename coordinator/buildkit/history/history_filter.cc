#include "coordinator/buildkit/history/history_filter.h"

#include <functional>
#include <optional>
#include <string_view>
#include <utility>

#include "common/base/status.h"
#include "common/fetch/git_reference.h"

namespace crossmill::coordinator::buildkit {
namespace {

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

absl::StatusOr<std::function<bool(const bk::BuildHistoryRecord&)>> HistoryCondition(std::string_view text,
                                                                                    absl::Time now) {
  ASSIGN_OR_RETURN(auto of_time, TimeCondition(text, now));
  if (of_time) return *std::move(of_time);
  const Words words = Cut(text, {"==", "!=", "~="});
  const std::string key(words.key);
  if (key != "ref" && key != "status" && key != "repository")
    return MeansNothing(text, "ref, status, repository, startedAt, completedAt or duration");
  return FieldCondition<bk::BuildHistoryRecord>(
      text, words.sign, words.value,
      [key](const bk::BuildHistoryRecord& record) { return FieldOf(record, key); });
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
  ASSIGN_OR_RETURN(Alternatives alternatives, Alternatives::Parse(texts, [now](std::string_view text) {
                     return HistoryCondition(text, now);
                   }));
  return HistoryFilter(std::move(alternatives));
}

}  // namespace crossmill::coordinator::buildkit
