#include "coordinator/notices/change_text.h"

#include "absl/time/time.h"
#include "common/base/json.h"
#include "common/base/status.h"
#include "common/words/platform.h"
#include "common/words/words.h"

namespace crossmill::coordinator {
namespace {

// "succeeded → failed"; empty if nothing changed.
template <typename Value>
std::string Turn(Value before, Value now) {
  if (before == now) return "";
  const bool known = static_cast<int>(before) != 0;
  return known ? fmt::format("{} → {}", Word(before), Word(now)) : std::string(Word(now));
}

// Null: none is known.
template <typename Value>
Json WordOrNull(Value value) {
  return static_cast<int>(value) == 0 ? Json() : Json(std::string(Word(value)));
}

}  // namespace

std::string ChangeTitle(const v1::StateChange& change) {
  const std::string status = Turn(change.status_before(), change.status());
  const std::string verdict = Turn(change.verdict_before(), change.verdict());
  return fmt::format("{} {}: {}{}{}", change.name(), FormatPlatform(change.platform()), status,
                     status.empty() || verdict.empty() ? "" : ", ", verdict);
}

std::string Rfc3339(int64_t unix_nanos) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixNanos(unix_nanos), absl::UTCTimeZone());
}

std::string WebhookBody(const v1::StateChange& change, std::string_view farm_id) {
  const Json data = {{"farm", farm_id},
                     {"change", change.id()},
                     {"name", change.name()},
                     {"platform", FormatPlatform(change.platform())},
                     {"build", change.build_id()},
                     {"status", WordOrNull(change.status())},
                     {"status_before", WordOrNull(change.status_before())},
                     {"verdict", WordOrNull(change.verdict())},
                     {"verdict_before", WordOrNull(change.verdict_before())},
                     {"reason", change.reason()}};
  return WriteJson({{"type", "state.changed"}, {"timestamp", Rfc3339(change.changed_at())}, {"data", data}});
}

}  // namespace crossmill::coordinator
