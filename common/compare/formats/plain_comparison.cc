// Text by lines, other bytes by runs.
#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/compare/formats/formats.h"

namespace crossmill::compare {
namespace {

// Text of more lines is compared as bytes: a line costs more than its bytes.
constexpr size_t kMostLines = 1'000'000;
// Text is looked at so far: a file that begins with this much text is text.
constexpr size_t kTextProbe = 64 << 10;
// Runs that so few equal bytes divide are one.
constexpr size_t kJoin = 8;
constexpr size_t kBytesBefore = 24;

struct Line {
  std::string_view text;
  int64_t offset = 0;
};

std::vector<Line> LinesOf(std::string_view text) {
  std::vector<Line> lines;
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back({text.substr(begin, end - begin), static_cast<int64_t>(begin)});
    begin = end + 1;
  }
  return lines;
}

// A line of a list: all but the last one end in a comma.
std::string_view WithoutComma(std::string_view line) {
  return line.ends_with(",") ? line.substr(0, line.size() - 1) : line;
}

bool ArePermuted(const std::vector<Line>& first, const std::vector<Line>& second) {
  if (first.size() != second.size() || first.size() < 2) return false;
  std::map<std::string_view, int64_t> counts;
  // Where only commas differ nothing has moved.
  bool moved = false;
  for (size_t i = 0; i < first.size(); ++i) {
    const std::string_view ours = WithoutComma(first[i].text);
    const std::string_view theirs = WithoutComma(second[i].text);
    ++counts[ours];
    --counts[theirs];
    moved = moved || ours != theirs;
  }
  return moved &&
         std::all_of(counts.begin(), counts.end(), [](const auto& count) { return count.second == 0; });
}

// The part of a long line around where the two differ.
std::pair<std::string_view, std::string_view> AroundDifference(std::string_view first,
                                                               std::string_view second, size_t* begin) {
  const auto [a, b] = std::mismatch(first.begin(), first.end(), second.begin(), second.end());
  const size_t at = static_cast<size_t>(a - first.begin());
  *begin =
      std::max(first.size(), second.size()) <= kMostBytesTold ? 0 : at - std::min(at, kMostBytesTold / 4);
  return {first.substr(std::min(*begin, first.size())), second.substr(std::min(*begin, second.size()))};
}

// How many lines have to be passed over on each side until both go on with the same line; the fewest.
struct Meeting {
  size_t first = 0;
  size_t second = 0;
};

constexpr size_t kLinesAhead = 64;

Meeting NextMeeting(const std::vector<Line>& first, const std::vector<Line>& second, size_t a, size_t b) {
  for (size_t both = 1; both <= kLinesAhead; ++both) {
    for (size_t ours = 0; ours <= both; ++ours) {
      const size_t theirs = both - ours;
      if (a + ours >= first.size() || b + theirs >= second.size()) continue;
      if (first[a + ours].text != second[b + theirs].text) continue;
      // A blank line or a brace is everywhere, but not with the same line behind it.
      const size_t next_a = a + ours + 1, next_b = b + theirs + 1;
      const bool ends = next_a == first.size() && next_b == second.size();
      const bool goes_on =
          next_a < first.size() && next_b < second.size() && first[next_a].text == second[next_b].text;
      if (first[a + ours].text.size() > 3 || ours == theirs || ends || goes_on) return {ours, theirs};
    }
  }
  return {1, 1};
}

bool AddLine(const Line& ours, const Line& theirs, size_t number, Differences* differences) {
  size_t begin = 0;
  const auto [one, other] = AroundDifference(ours.text, theirs.text, &begin);
  const auto skipped = static_cast<int64_t>(begin);
  return differences->Add(fmt::format("line {}", number), one, other, ours.offset + skipped,
                          theirs.offset + skipped) != nullptr;
}

// Lines `a` and following of the first against lines `b` and following of the second, as many as `meeting`
// says; those of one side that are left are one difference.
bool AddLines(const std::vector<Line>& first, const std::vector<Line>& second, size_t a, size_t b,
              const Meeting& meeting, Differences* differences) {
  const size_t both = std::min(meeting.first, meeting.second);
  for (size_t i = 0; i < both; ++i) {
    if (first[a + i].text != second[b + i].text &&
        !AddLine(first[a + i], second[b + i], a + i + 1, differences))
      return false;
  }
  const size_t more = std::max(meeting.first, meeting.second) - both;
  if (more == 0) return true;
  const bool ours = meeting.first > both;
  const Line& line = ours ? first[a + both] : second[b + both];
  const std::string place = fmt::format("{} more lines, from line {} on", more, (ours ? a : b) + both + 1);
  return differences->Add(place, ours ? line.text : std::string_view(), ours ? std::string_view() : line.text,
                          ours ? line.offset : 0, ours ? 0 : line.offset) != nullptr;
}

void CompareLines(const std::vector<Line>& first, const std::vector<Line>& second, Differences* differences) {
  size_t a = 0, b = 0;
  while (a < first.size() || b < second.size()) {
    const bool both = a < first.size() && b < second.size();
    if (both && first[a].text == second[b].text) {
      ++a;
      ++b;
      continue;
    }
    const Meeting meeting =
        both ? NextMeeting(first, second, a, b) : Meeting{first.size() - a, second.size() - b};
    if (!AddLines(first, second, a, b, meeting, differences)) return;
    a += meeting.first;
    b += meeting.second;
  }
}

// Where the bytes behind a change of length go on alike: the nearest place, within 4 KiB.
struct Anchor {
  size_t first = 0;
  size_t second = 0;
};

constexpr size_t kAnchorBytes = 16;
constexpr size_t kAnchorReach = 4096;

std::optional<Anchor> NextAnchor(std::string_view first, std::string_view second) {
  first = first.substr(0, kAnchorReach);
  second = second.substr(0, kAnchorReach);
  std::unordered_map<std::string_view, size_t> places;
  for (size_t at = second.size() < kAnchorBytes ? 0 : second.size() - kAnchorBytes + 1; at-- > 0;)
    places[second.substr(at, kAnchorBytes)] = at;
  std::optional<Anchor> best;
  for (size_t at = 0; at + kAnchorBytes <= first.size(); ++at) {
    if (best && at >= best->first + best->second) break;
    const std::string_view bytes = first.substr(at, kAnchorBytes);
    const auto place = places.find(bytes);
    // Filling is everywhere.
    if (place == places.end() || bytes.find_first_not_of(bytes[0]) == std::string_view::npos) continue;
    if (!best || at + place->second < best->first + best->second) best = Anchor{at, place->second};
  }
  return best;
}

}  // namespace

bool IsText(std::string_view bytes) {
  const std::string_view probe = bytes.substr(0, kTextProbe);
  const bool plain = std::none_of(probe.begin(), probe.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 && c != '\n' && c != '\r' && c != '\t' && c != '\f' && c != '\x1b';
  });
  if (!plain) return false;
  // A character may be cut at the end of the probe.
  size_t whole = probe.size();
  if (probe.size() < bytes.size()) {
    while (whole > 0 && (static_cast<unsigned char>(probe[whole - 1]) & 0xc0) == 0x80) --whole;
    whole -= std::min<size_t>(whole, 1);
  }
  return ValidUtf8(probe.substr(0, whole)) == probe.substr(0, whole) &&
         std::count(bytes.begin(), bytes.end(), '\n') < static_cast<ptrdiff_t>(kMostLines);
}

void CompareText(std::string_view first, std::string_view second, Differences* differences) {
  const std::vector<Line> ours = LinesOf(first);
  const std::vector<Line> theirs = LinesOf(second);
  size_t head = 0;
  const size_t shorter = std::min(ours.size(), theirs.size());
  while (head < shorter && ours[head].text == theirs[head].text) ++head;
  size_t tail = 0;
  while (tail < shorter - head && ours[ours.size() - 1 - tail].text == theirs[theirs.size() - 1 - tail].text)
    ++tail;
  if (ArePermuted(ours, theirs)) {
    const Line none;
    const Line& a = head < ours.size() ? ours[head] : none;
    const Line& b = head < theirs.size() ? theirs[head] : none;
    differences->AddOf("order", fmt::format("order of lines, from line {} on", head + 1), a.text, b.text,
                       a.offset, b.offset);
    return;
  }
  const size_t mine = ours.size() - head - tail;
  const size_t yours = theirs.size() - head - tail;
  if (mine == 0 && yours == 0) {
    // Only the last line's end.
    differences->Add("end of the last line", first.substr(first.size() - std::min<size_t>(1, first.size())),
                     second.substr(second.size() - std::min<size_t>(1, second.size())));
    return;
  }
  CompareLines(ours, theirs, differences);
}

// Bytes of which one side has more: piece by piece, each up to where both go on alike.
void CompareMovedBytes(std::string_view first, std::string_view second, Differences* differences) {
  size_t a = 0, b = 0;
  while (a < first.size() || b < second.size()) {
    const std::string_view ours = first.substr(a), theirs = second.substr(b);
    const size_t same = static_cast<size_t>(
        std::mismatch(ours.begin(), ours.end(), theirs.begin(), theirs.end()).first - ours.begin());
    if (same == ours.size() && same == theirs.size()) return;
    const size_t before = std::min(same, kBytesBefore);
    const std::string_view one = ours.substr(same), other = theirs.substr(same);
    const std::optional<Anchor> anchor = NextAnchor(one, other);
    const size_t skip_one = anchor ? anchor->first : one.size();
    const size_t skip_other = anchor ? anchor->second : other.size();
    // What follows is shown, too: a number may end in bytes that are equal.
    const auto shown = [&](std::string_view all, size_t skipped) {
      return all.substr(same - before, before + skipped + (anchor ? kAnchorBytes : 0));
    };
    const bool more = !anchor && (one.empty() || other.empty());
    const std::string place =
        more     ? fmt::format("{} more bytes at the end", one.size() + other.size())
        : anchor ? fmt::format("{} and {} bytes at byte {}", skip_one, skip_other, a + same)
                 : fmt::format("all from byte {} on, {} and {} bytes", a + same, skip_one, skip_other);
    const auto* added =
        differences->Add(place, shown(ours, skip_one), shown(theirs, skip_other),
                         static_cast<int64_t>(a + same - before), static_cast<int64_t>(b + same - before));
    if (added == nullptr || !anchor) return;
    a += same + skip_one;
    b += same + skip_other;
  }
}

void CompareBytes(std::string_view first, std::string_view second, Differences* differences) {
  if (first.size() != second.size()) {
    CompareMovedBytes(first, second, differences);
    return;
  }
  // Where the last difference ends.
  size_t at = 0, last = 0;
  while (at < first.size()) {
    const auto mismatch = std::mismatch(first.begin() + static_cast<std::ptrdiff_t>(at), first.end(),
                                        second.begin() + static_cast<std::ptrdiff_t>(at))
                              .first;
    at = static_cast<size_t>(mismatch - first.begin());
    if (at >= first.size()) return;
    size_t end = at + 1;
    for (size_t equal = 0, i = end; i < first.size() && equal < kJoin; ++i) {
      equal = first[i] == second[i] ? equal + 1 : 0;
      if (equal == 0) end = i + 1;
    }
    const size_t begin = at - std::min(at - last, kBytesBefore);
    // Up to what differs next, which is a difference of its own.
    size_t after = end;
    while (after < std::min(end + kBytesBefore, first.size()) && first[after] == second[after]) ++after;
    const size_t shown = after - begin;
    const std::string place =
        end - at == 1 ? fmt::format("byte {}", at) : fmt::format("bytes {} to {}", at, end - 1);
    if (differences->Add(place, first.substr(begin, shown), second.substr(begin, shown),
                         static_cast<int64_t>(begin), static_cast<int64_t>(begin)) == nullptr) {
      return;
    }
    at = last = end;
  }
}

}  // namespace crossmill::compare
