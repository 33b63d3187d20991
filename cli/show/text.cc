#include "cli/show/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "absl/time/time.h"
#include "common/base/utf8.h"

namespace crossmill::cli {
namespace {

// Columns of a table are not made narrower than this.
constexpr int kNarrowest = 12;

struct Character {
  uint32_t code = 0;
  // Bytes; 0 at the end of the text.
  size_t size = 0;
  bool valid = true;
};

Character NextCharacter(std::string_view text) {
  if (text.empty()) return {};
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1, true};
  const size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < size) return {0xFFFD, 1, false};
  uint32_t code = first & (0xFF >> (size + 1));
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {0xFFFD, 1, false};
    code = (code << 6) | (byte(i) & 0x3F);
  }
  const bool overlong = (size == 3 && code < 0x800) || (size == 4 && code < 0x10000);
  if (overlong || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return {0xFFFD, 1, false};
  return {code, size, true};
}

// Not all of Unicode's tables, but what occurs in names and consoles.
int WidthOf(uint32_t code) {
  if (code < 0x20 || code == 0x7F) return 0;
  if ((code >= 0x300 && code <= 0x36F) || code == 0x200B || code == 0x200D ||
      (code >= 0xFE00 && code <= 0xFE0F)) {
    return 0;
  }
  const bool wide = (code >= 0x1100 && code <= 0x115F) || (code >= 0x2E80 && code <= 0xA4CF) ||
                    (code >= 0xAC00 && code <= 0xD7A3) || (code >= 0xF900 && code <= 0xFAFF) ||
                    (code >= 0xFE30 && code <= 0xFE6F) || (code >= 0xFF00 && code <= 0xFF60) ||
                    (code >= 0x1F300 && code <= 0x1FAFF) || (code >= 0x20000 && code <= 0x3FFFD);
  return wide ? 2 : 1;
}

std::string_view InkCode(Ink ink) {
  switch (ink) {
    case Ink::kBold:
      return "1";
    case Ink::kDim:
      return "2";
    case Ink::kRed:
      return "31";
    case Ink::kGreen:
      return "32";
    case Ink::kYellow:
      return "33";
    case Ink::kCyan:
      return "36";
    case Ink::kPlain:
      break;
  }
  return "";
}

void TrimRight(std::string* line) {
  while (!line->empty() && line->back() == ' ') line->pop_back();
}

}  // namespace

std::string Paint(std::string_view text, Ink ink, bool colour) {
  if (!colour || ink == Ink::kPlain || text.empty()) return std::string(text);
  return fmt::format("\x1b[{}m{}\x1b[0m", InkCode(ink), text);
}

int DisplayWidth(std::string_view text) {
  int width = 0;
  while (!text.empty()) {
    if (text.substr(0, 2) == "\x1b[") {
      const size_t end = text.find('m');
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
      continue;
    }
    const Character character = NextCharacter(text);
    width += WidthOf(character.code);
    text.remove_prefix(character.size);
  }
  return width;
}

std::string Ellipsize(std::string_view text, int width) {
  if (DisplayWidth(text) <= width) return std::string(text);
  if (width <= 0) return "";
  std::string result;
  int used = 0;
  while (!text.empty()) {
    const Character character = NextCharacter(text);
    if (used + WidthOf(character.code) > width - 1) break;
    used += WidthOf(character.code);
    result.append(text.substr(0, character.size));
    text.remove_prefix(character.size);
  }
  return result + "…";
}

std::vector<std::string> Split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string FormatBytes(int64_t bytes) {
  static constexpr std::array<std::string_view, 5> kUnits = {"B", "kB", "MB", "GB", "TB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (std::abs(value) >= 999.5 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  if (unit == 0 || std::abs(value) >= 99.95) return fmt::format("{:.0f} {}", value, kUnits[unit]);
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string FormatSeconds(double seconds) {
  if (seconds < 0) return "-";
  if (seconds < 59.95) return fmt::format("{:.1f}s", seconds);
  const int64_t whole = std::llround(seconds);
  if (whole < 3600) return fmt::format("{}m {:02}s", whole / 60, whole % 60);
  return fmt::format("{}h {:02}m", whole / 3600, whole % 3600 / 60);
}

std::string FormatAge(int64_t then_nanos, int64_t now_nanos) {
  const int64_t seconds = (now_nanos - then_nanos) / 1'000'000'000;
  if (seconds < 5) return "just now";
  if (seconds < 60) return fmt::format("{}s ago", seconds);
  if (seconds < 3600) return fmt::format("{}m ago", seconds / 60);
  if (seconds < int64_t{48} * 3600) return fmt::format("{}h ago", seconds / 3600);
  return FormatRfc3339(then_nanos).substr(0, 10);
}

std::string FormatRfc3339(int64_t unix_nanos) {
  if (unix_nanos == 0) return "";
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::FromUnixNanos(unix_nanos), absl::UTCTimeZone());
}

void Table::Add(std::vector<Cell> row) {
  for (Cell& cell : row) cell.text = Printable(cell.text);
  rows_.push_back(std::move(row));
}

std::string Table::Render(const TextOptions& options, int indent) const {
  std::vector<int> widths(columns_.size(), 0);
  bool headed = false;
  for (size_t i = 0; i < columns_.size(); ++i) {
    widths[i] = DisplayWidth(columns_[i].heading);
    headed = headed || !columns_[i].heading.empty();
    for (const auto& row : rows_) {
      if (i < row.size()) widths[i] = std::max(widths[i], DisplayWidth(row[i].text));
    }
  }
  if (flexible_ >= 0) {
    int total = indent;
    for (const int width : widths) total += width > 0 ? width + 2 : 0;
    int excess = total - 2 - options.width;
    const int given = std::clamp(widths[flexible_] - kNarrowest, 0, std::max(0, excess));
    widths[flexible_] -= given;
    // When that is not enough the widest of the others give way too.
    for (excess -= given; excess > 0; --excess) {
      const auto widest = std::max_element(widths.begin(), widths.end());
      if (*widest <= kNarrowest) break;
      --*widest;
    }
  }
  std::string result;
  const auto add = [&](size_t i, const std::string& full, Ink ink, std::string* line) {
    if (widths[i] == 0) return;
    const std::string text = Ellipsize(full, widths[i]);
    const std::string padding(std::max(0, widths[i] - DisplayWidth(text)), ' ');
    const std::string painted = Paint(text, ink, options.colour);
    *line += columns_[i].align == Align::kRight ? padding + painted : painted + padding;
    *line += "  ";
  };
  if (headed) {
    std::string line(indent, ' ');
    for (size_t i = 0; i < columns_.size(); ++i) add(i, columns_[i].heading, Ink::kBold, &line);
    TrimRight(&line);
    result += line + "\n";
  }
  for (const auto& row : rows_) {
    std::string line(indent, ' ');
    for (size_t i = 0; i < row.size(); ++i) add(i, row[i].text, row[i].ink, &line);
    TrimRight(&line);
    result += line + "\n";
  }
  return result;
}

}  // namespace crossmill::cli
