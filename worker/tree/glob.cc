#include "worker/tree/glob.h"

#include <algorithm>

namespace crossmill::worker {
namespace {

// One character of a set, with its escape; false at the end of the pattern.
bool TakeSetCharacter(std::string_view* pattern, char* character) {
  if (pattern->empty() || pattern->front() == '-' || pattern->front() == ']') return false;
  if (pattern->front() == '\\') pattern->remove_prefix(1);
  if (pattern->empty()) return false;
  *character = pattern->front();
  pattern->remove_prefix(1);
  return true;
}

// Matches `c` against the set that begins after '['; moves `pattern` past its ']'.
bool MatchSet(std::string_view* pattern, unsigned char c, bool* well_formed) {
  *well_formed = false;
  const bool negated = pattern->starts_with('^');
  if (negated) pattern->remove_prefix(1);
  bool matched = false;
  for (int ranges = 0; !(pattern->starts_with(']') && ranges > 0); ++ranges) {
    char low, high;
    if (!TakeSetCharacter(pattern, &low)) return false;
    high = low;
    if (pattern->starts_with('-')) {
      pattern->remove_prefix(1);
      if (!TakeSetCharacter(pattern, &high)) return false;
    }
    matched |= static_cast<unsigned char>(low) <= c && c <= static_cast<unsigned char>(high);
  }
  pattern->remove_prefix(1);
  *well_formed = true;
  return matched != negated;
}

bool MatchFrom(const std::vector<std::string>& pattern, size_t p, const std::vector<std::string>& path,
               size_t n) {
  if (p == pattern.size()) return n == path.size();
  if (pattern[p] == "**") {
    for (size_t skip = n; skip <= path.size(); ++skip) {
      if (MatchFrom(pattern, p + 1, path, skip)) return true;
    }
    return false;
  }
  return n < path.size() && MatchComponent(pattern[p], path[n]) && MatchFrom(pattern, p + 1, path, n + 1);
}

}  // namespace

bool MatchComponent(std::string_view pattern, std::string_view name) {
  while (!pattern.empty()) {
    const char first = pattern.front();
    pattern.remove_prefix(1);
    if (first == '*') {
      while (pattern.starts_with('*')) pattern.remove_prefix(1);
      for (size_t skip = 0; skip <= name.size(); ++skip) {
        if (MatchComponent(pattern, name.substr(skip))) return true;
      }
      return false;
    }
    if (name.empty()) return false;
    if (first == '[') {
      bool well_formed;
      if (!MatchSet(&pattern, static_cast<unsigned char>(name.front()), &well_formed) || !well_formed)
        return false;
    } else if (first == '\\') {
      if (pattern.empty() || pattern.front() != name.front()) return false;
      pattern.remove_prefix(1);
    } else if (first != '?' && first != name.front()) {
      return false;
    }
    name.remove_prefix(1);
  }
  return name.empty();
}

bool HasGlob(std::string_view text) { return text.find_first_of("*?[\\") != text.npos; }

std::string Unescape(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    plain += text[i];
  }
  return plain;
}

std::vector<std::string> PathComponents(std::string_view path) {
  std::vector<std::string> components;
  while (!path.empty()) {
    const size_t end = std::min(path.find('/'), path.size());
    const std::string_view name = path.substr(0, end);
    if (!name.empty() && name != ".") components.emplace_back(name);
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return components;
}

bool MatchPath(const std::vector<std::string>& pattern, const std::vector<std::string>& path) {
  return MatchFrom(pattern, 0, path, 0);
}

bool Excludes(const std::vector<std::string>& pattern, const std::vector<std::string>& path) {
  std::vector<std::string> folder;
  for (const std::string& name : path) {
    folder.push_back(name);
    if (MatchPath(pattern, folder)) return true;
  }
  return false;
}

}  // namespace crossmill::worker
