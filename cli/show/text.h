// Text: splitting what was given; for terminals widths, shortening, colours, tables, sizes and durations.
// Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/utf8.h"  // IWYU pragma: export (Printable)

namespace crossmill::cli {

// A text may be so wide, and may carry colours or not.
struct TextOptions {
  // Columns; text is shortened to it where it is shortened at all.
  int width = 100;
  bool colour = false;
};

enum class Ink { kPlain, kBold, kDim, kRed, kGreen, kYellow, kCyan };

// `text` in a colour when `colour` is true.
std::string Paint(std::string_view text, Ink ink, bool colour);

// Columns that UTF-8 text takes: combining marks 0, East Asian wide and emoji 2, SGR sequences 0.
int DisplayWidth(std::string_view text);

// At most `width` columns; shortened text ends in "…". Never cuts a character. `text` has no colours.
std::string Ellipsize(std::string_view text, int width);

// The parts between separators: one more than there are separators, empty ones too.
std::vector<std::string> Split(std::string_view text, char separator);

// "952 B", "12.4 kB", "148 MB" (decimal units).
std::string FormatBytes(int64_t bytes);
// "0.3s", "12.4s", "1m 02s", "2h 05m".
std::string FormatSeconds(double seconds);
// "just now", "3m ago", "5h ago", "2026-11-23".
std::string FormatAge(int64_t then_nanos, int64_t now_nanos);
// RFC 3339 in UTC with milliseconds; empty for 0.
std::string FormatRfc3339(int64_t unix_nanos);

// Rows of cells under an optional heading, columns two blanks apart. The column `flexible` (if any)
// is shortened so that a row fits the width.
class Table {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string heading;
    Align align = Align::kLeft;
  };
  struct Cell {
    std::string text;
    Ink ink = Ink::kPlain;
  };

  Table(std::vector<Column> columns, int flexible = -1) : columns_(std::move(columns)), flexible_(flexible) {}
  // Cells hold what others say: they are made printable here.
  void Add(std::vector<Cell> row);
  bool empty() const { return rows_.empty(); }
  // Each line begins with `indent` blanks and ends with a newline, without trailing blanks. Headings
  // are left out when all are empty.
  std::string Render(const TextOptions& options, int indent = 0) const;

 private:
  std::vector<Column> columns_;
  int flexible_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace crossmill::cli
