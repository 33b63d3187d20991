#include "common/check/variables.h"

#include <algorithm>

#include "absl/strings/ascii.h"

namespace crossmill::check {
namespace {

bool IsNameStart(char c) { return absl::ascii_isalpha(static_cast<unsigned char>(c)) || c == '_'; }

// Edits that turn one into the other; swapping neighbours is one.
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> d(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

}  // namespace

bool IsNamePart(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_'; }

std::vector<VariableUse> FindVariables(std::string_view text, char escape, bool quotes_are_text) {
  std::vector<VariableUse> uses;
  bool single = false;
  bool twice = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (!quotes_are_text && c == '\'' && !twice) {
      single = !single;
    } else if (!quotes_are_text && c == '"' && !single) {
      twice = !twice;
    } else if (single) {
      continue;
    } else if (c == escape) {
      ++i;
    } else if (c == '$' && i + 1 < text.size()) {
      const bool braces = text[i + 1] == '{';
      const size_t begin = i + (braces ? 2 : 1);
      if (begin >= text.size() || !IsNameStart(text[begin])) continue;
      size_t end = begin;
      while (end < text.size() && IsNamePart(text[end])) ++end;
      VariableUse use{std::string(text.substr(begin, end - begin)), i, end - i};
      if (braces) {
        size_t sign = end;
        if (sign < text.size() && text[sign] == ':') ++sign;
        const char operation = sign < text.size() ? text[sign] : '\0';
        use.has_alternative = operation == '-' || operation == '+';
        use.is_required = operation == '?';
        if (end < text.size() && text[end] == '}') ++use.length;
      }
      uses.push_back(std::move(use));
      i = end - 1;
    }
  }
  return uses;
}

std::string NearMiss(std::string_view name, const std::vector<std::string>& candidates) {
  const size_t limit = std::max<size_t>(1, name.size() / 4);
  if (name.size() < 3 || name.size() > 100) return "";
  std::string best;
  size_t least = limit + 1;
  for (const std::string& candidate : candidates) {
    if (candidate.size() < 3 || candidate == name || candidate.size() > 100) continue;
    const size_t distance = Distance(name, candidate);
    if (distance < least || (distance == least && !best.empty() && candidate < best)) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

}  // namespace crossmill::check
