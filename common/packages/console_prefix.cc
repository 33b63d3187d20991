#include "common/packages/console_prefix.h"

#include <cstddef>

namespace crossmill::packages {
namespace {

constexpr size_t kLongestPrefix = 80;
constexpr size_t kMostShapes = 4;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Runs of digits become one '0', blanks in front go: numbers are often padded.
std::string ShapeOf(std::string_view prefix) {
  std::string shape;
  for (const char c : prefix) {
    if (shape.empty() && c == ' ') continue;
    if (IsDigit(c) && shape.ends_with('0')) continue;
    shape.push_back(IsDigit(c) ? '0' : c);
  }
  return shape;
}

// Length of the front of `line` that has the shape; npos if it has another.
size_t Match(std::string_view shape, std::string_view line) {
  size_t at = 0;
  while (at < line.size() && line[at] == ' ') ++at;
  for (const char c : shape) {
    if (at >= line.size()) return line.npos;
    if (c == '0') {
      if (!IsDigit(line[at])) return line.npos;
      while (at < line.size() && IsDigit(line[at])) ++at;
    } else if (line[at++] != c) {
      return line.npos;
    }
  }
  return at;
}

// Where an installer's words begin behind a prefix; npos: nowhere.
size_t FindWords(std::string_view line) {
  const std::string_view front = line.substr(0, kLongestPrefix + 32);
  for (const std::string_view words :
       {"Collecting ", "Installing collected packages: ", "Successfully installed "}) {
    const size_t at = front.find(words);
    if (at == 0 || at == front.npos || at > kLongestPrefix) continue;
    // Blanks alone are pip's own indentation; a letter or digit before the words is a longer word.
    if (line.substr(0, at).find_first_not_of(' ') == line.npos) continue;
    if (line[at - 1] == ' ' || line[at - 1] == '\t' || line[at - 1] == ']' || line[at - 1] == ':' ||
        line[at - 1] == '|' || line[at - 1] == '>') {
      return at;
    }
  }
  return line.npos;
}

}  // namespace

std::string_view ConsolePrefix::Strip(std::string_view line) {
  for (const std::string& shape : shapes_) {
    const size_t length = Match(shape, line);
    if (length != line.npos) return line.substr(length);
  }
  const size_t at = FindWords(line);
  if (at == line.npos) return line;
  if (shapes_.size() == kMostShapes) shapes_.erase(shapes_.begin());
  shapes_.push_back(ShapeOf(line.substr(0, at)));
  return line.substr(at);
}

}  // namespace crossmill::packages
