#include "worker/host/subordinate_ids.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <sstream>

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

// The kernel takes a mapping in one write of less than a page; a line of it has at most 33 bytes.
constexpr size_t kMostRanges = 100;
// 2^32 - 1 is no id, so that is the number of ids that there can be.
constexpr uint64_t kAllIds = 0xffffffff;

// First id and the one behind the last.
using Intervals = std::map<uint64_t, uint64_t>;

// The ids that are not in the text of a uid_map.
Intervals Missing(std::string_view map) {
  Intervals existing;
  std::istringstream lines{std::string(map)};
  uint64_t inside = 0, outside = 0, count = 0;
  while (lines >> inside >> outside >> count) existing[inside] = inside + count;
  Intervals missing;
  uint64_t next = 0;
  for (const auto& [first, end] : existing) {
    if (next < first) missing[next] = first;
    next = end;
  }
  if (next < kAllIds) missing[next] = kAllIds;
  return missing;
}

// Adds the parts of `first`..`end` that overlap nothing in `taken`, which is sorted.
void AddFree(uint64_t first, uint64_t end, const Intervals& taken, std::vector<IdRange>& ranges) {
  const auto add = [&](uint64_t begin, uint64_t stop) {
    if (begin < stop) ranges.push_back({static_cast<uint32_t>(begin), static_cast<uint32_t>(stop - begin)});
  };
  for (const auto& [taken_first, taken_end] : taken) {
    if (taken_end <= first || taken_first >= end) continue;
    add(first, taken_first);
    first = taken_end;
  }
  add(first, end);
}

}  // namespace

std::vector<IdRange> FindRanges(std::string_view text, std::string_view user, uint32_t uid, uint32_t own,
                                std::string_view existing) {
  const std::string number = std::to_string(uid);
  Intervals taken = Missing(existing);
  // An id that does not exist is taken already.
  if (std::none_of(taken.begin(), taken.end(),
                   [own](const auto& gap) { return own >= gap.first && own < gap.second; })) {
    taken[own] = uint64_t{own} + 1;
  }
  std::vector<IdRange> found;
  uint64_t left = kAllIds - 1;
  for (const Line& line : ParseLines(text)) {
    if (line.name != user && line.name != number) continue;
    std::vector<IdRange> parts;
    AddFree(line.range.first, std::min(uint64_t{line.range.first} + line.range.count, kAllIds), taken, parts);
    for (IdRange part : parts) {
      part.count = static_cast<uint32_t>(std::min<uint64_t>(part.count, left));
      if (part.count == 0 || found.size() == kMostRanges) return found;
      left -= part.count;
      found.push_back(part);
      taken[part.first] = uint64_t{part.first} + part.count;
    }
  }
  return found;
}

uint64_t CountIds(const std::vector<IdRange>& ranges) {
  uint64_t count = 0;
  for (const IdRange& range : ranges) count += range.count;
  return count;
}

uint32_t FreeRangeStart(std::string_view text) {
  // The first gap that is large enough: wide ranges may lie at the end of all ids.
  Intervals taken;
  for (const Line& line : ParseLines(text)) {
    uint64_t& end = taken[line.range.first];
    end = std::max(end, uint64_t{line.range.first} + line.range.count);
  }
  uint64_t start = 100000;
  for (const auto& [first, end] : taken) {
    if (start + kUsualMappedIds < first) break;
    start = std::max(start, end);
  }
  return static_cast<uint32_t>(std::min<uint64_t>(start, 0xf0000000));
}

absl::StatusOr<SubordinateIds> ReadSubordinateIds(std::string_view user, uint32_t uid, uint32_t gid) {
  // A missing file is an empty one.
  const std::string users = ReadFile("/etc/subuid").value_or("");
  const std::string groups = ReadFile("/etc/subgid").value_or("");
  ASSIGN_OR_RETURN(const std::string user_map, ReadFile("/proc/self/uid_map"));
  ASSIGN_OR_RETURN(const std::string group_map, ReadFile("/proc/self/gid_map"));
  SubordinateIds ids = {FindRanges(users, user, uid, uid, user_map),
                        FindRanges(groups, user, uid, gid, group_map)};
  const bool enough_users = CountIds(ids.users) >= kLeastMappedIds;
  if (enough_users && CountIds(ids.groups) >= kLeastMappedIds) return ids;
  const uint32_t start = std::max(FreeRangeStart(users), FreeRangeStart(groups));
  const uint32_t last = start + kUsualMappedIds;
  return absl::FailedPreconditionError(
      fmt::format("user {} has no range of {} subordinate {} ids; add one as root: usermod "
                  "--add-subuids {}-{} --add-subgids {}-{} {}",
                  user, kUsualMappedIds, enough_users ? "group" : "user", start, last, start, last, user));
}

}  // namespace crossmill::worker
