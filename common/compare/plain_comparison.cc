// Text by lines, other bytes by runs.
#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/compare/formats.h"

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
  for (const Line& line : first) ++counts[WithoutComma(line.text)];
  for (const Line& line : second) --counts[WithoutComma(line.text)];
  return std::all_of(counts.begin(), counts.end(), [](const auto& count) { return count.second == 0; });
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

void AddLines(const std::vector<Line>& first, const std::vector<Line>& second, size_t a, size_t b,
              size_t count, Differences* differences) {
  for (size_t i = 0; i < count; ++i) {
    const Line& ours = first[a + i];
    const Line& theirs = second[b + i];
    if (ours.text == theirs.text) continue;
    size_t begin = 0;
    const auto [one, other] = AroundDifference(ours.text, theirs.text, &begin);
    const int64_t skipped = static_cast<int64_t>(begin);
    if (differences->Add(fmt::format("line {}", a + i + 1), one, other, ours.offset + skipped,
                         theirs.offset + skipped) == nullptr) {
      return;
    }
  }
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
  AddLines(ours, theirs, head, head, std::min(mine, yours), differences);
  if (mine == yours) return;
  const size_t at = head + std::min(mine, yours);
  const std::vector<Line>& longer = mine > yours ? ours : theirs;
  const std::string place =
      fmt::format("{} more lines, from line {} on", std::max(mine, yours) - std::min(mine, yours), at + 1);
  const int64_t offset = longer[at].offset;
  differences->Add(place, mine > yours ? longer[at].text : std::string_view(),
                   mine > yours ? std::string_view() : longer[at].text, offset, offset);
}

void CompareBytes(std::string_view first, std::string_view second, Differences* differences) {
  const size_t common = std::min(first.size(), second.size());
  const bool same_size = first.size() == second.size();
  size_t at = 0;
  while (at < common) {
    const auto mismatch =
        std::mismatch(first.begin() + at, first.begin() + common, second.begin() + at).first;
    at = static_cast<size_t>(mismatch - first.begin());
    if (at >= common) break;
    size_t end = at + 1;
    for (size_t equal = 0, i = end; i < common && equal < kJoin; ++i) {
      equal = first[i] == second[i] ? equal + 1 : 0;
      if (equal == 0) end = i + 1;
    }
    const size_t begin = at - std::min(at, kBytesBefore);
    // Bytes that moved are no differences of their own: what follows a change of length is not told.
    const size_t shown = same_size ? std::min(end + kBytesBefore, first.size()) - begin : kMostBytesTold;
    const std::string place =
        end - at == 1 ? fmt::format("byte {}", at) : fmt::format("bytes {} to {}", at, end - 1);
    const v1::ContentDifference* added = differences->Add(
        same_size ? place : fmt::format("from byte {} on", at), first.substr(begin, shown),
        second.substr(begin, shown), static_cast<int64_t>(begin), static_cast<int64_t>(begin));
    if (added == nullptr || !same_size) return;
    at = end;
  }
  if (!same_size) {
    differences->Add(fmt::format("{} more bytes at the end", std::max(first.size(), second.size()) - common),
                     first.substr(common), second.substr(common), static_cast<int64_t>(common),
                     static_cast<int64_t>(common));
  }
}

}  // namespace crossmill::compare
