#include "worker/host/subordinate_ids.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "absl/strings/str_split.h"
#include "common/base/files.h"
#include "common/base/status.h"

namespace crossmill::worker {
namespace {

struct Line {
  std::string_view name;
  IdRange range;
};

std::optional<uint32_t> Number(std::string_view text) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::vector<Line> ParseLines(std::string_view text) {
  std::vector<Line> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const size_t first = line.find(':');
    const size_t second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos || line.starts_with('#')) continue;
    const auto start = Number(line.substr(first + 1, second - first - 1));
    const auto count = Number(line.substr(second + 1));
    if (start && count) lines.push_back({line.substr(0, first), {*start, *count}});
  }
  return lines;
}

}  // namespace

std::optional<IdRange> FindRange(std::string_view text, std::string_view user, uint32_t uid) {
  const std::string number = std::to_string(uid);
  for (const Line& line : ParseLines(text)) {
    if ((line.name == user || line.name == number) && line.range.count >= kMappedIds) return line.range;
  }
  return std::nullopt;
}

uint32_t FreeRangeStart(std::string_view text) {
  uint64_t start = 100000;
  for (const Line& line : ParseLines(text)) {
    start = std::max(start, uint64_t{line.range.first} + line.range.count);
  }
  return static_cast<uint32_t>(std::min<uint64_t>(start, 0xf0000000));
}

absl::StatusOr<SubordinateIds> ReadSubordinateIds(std::string_view user, uint32_t uid) {
  SubordinateIds ids;
  // A missing file is an empty one.
  const std::string users = ReadFile("/etc/subuid").value_or("");
  const std::string groups = ReadFile("/etc/subgid").value_or("");
  const auto user_range = FindRange(users, user, uid);
  const auto group_range = FindRange(groups, user, uid);
  if (user_range && group_range) return SubordinateIds{*user_range, *group_range};
  const uint32_t start = std::max(FreeRangeStart(users), FreeRangeStart(groups));
  const uint32_t last = start + kMappedIds;
  return absl::FailedPreconditionError(
      fmt::format("user {} has no range of {} subordinate {} ids; add one as root: usermod "
                  "--add-subuids {}-{} --add-subgids {}-{} {}",
                  user, kMappedIds, user_range ? "group" : "user", start, last, start, last, user));
}

}  // namespace crossmill::worker
