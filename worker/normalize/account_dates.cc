#include "worker/normalize/account_dates.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "common/base/status.h"

namespace crossmill::worker {
namespace {

// What programs write for "never": some 270 years.
constexpr int64_t kNever = 99'999;
constexpr size_t kFields = 9;

std::vector<std::string_view> Fields(std::string_view line) {
  std::vector<std::string_view> fields;
  while (true) {
    const size_t colon = line.find(':');
    fields.push_back(line.substr(0, colon));
    if (colon == line.npos) return fields;
    line.remove_prefix(colon + 1);
  }
}

std::optional<int64_t> Number(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// The rest of the line stays byte for byte.
std::string WithDay(std::string_view line, std::string_view day, int64_t epoch) {
  const auto before = static_cast<size_t>(day.data() - line.data());
  return fmt::format("{}{}{}", line.substr(0, before), epoch, line.substr(before + day.size()));
}

}  // namespace

AccountDates ResetAccountDates(std::string_view content, const std::set<std::string>& known,
                               const AccountDays& days) {
  AccountDates result;
  while (!content.empty()) {
    const size_t end = std::min(content.find('\n'), content.size());
    const std::string_view line = content.substr(0, end);
    const std::string_view feed = content.substr(end, 1);
    content.remove_prefix(end + feed.size());
    std::string kept(line);
    const std::vector<std::string_view> fields = Fields(line);
    const auto day = fields.size() == kFields ? Number(fields[2]) : std::nullopt;
    const auto is_of_step = [&days](int64_t value) { return value >= days.first && value <= days.last; };
    const bool of_step = day && (is_of_step(*day) || is_of_step(*day - days.shift));
    if (of_step && *day != days.epoch && !known.contains(kept)) {
      if (fields[4].empty() || Number(fields[4]).value_or(0) >= kNever) {
        kept = WithDay(line, fields[2], days.epoch);
        result.changed.emplace_back(fields[0]);
      } else {
        result.expiring.emplace_back(fields[0]);
      }
    }
    result.content += kept;
    result.content += feed;
  }
  return result;
}

std::set<std::string> LinesOf(std::string_view content) {
  std::set<std::string> lines;
  while (!content.empty()) {
    const size_t end = std::min(content.find('\n'), content.size());
    if (end > 0) lines.emplace(content.substr(0, end));
    content.remove_prefix(std::min(end + 1, content.size()));
  }
  return lines;
}

}  // namespace crossmill::worker
