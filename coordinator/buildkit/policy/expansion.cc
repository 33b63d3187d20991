#include "coordinator/buildkit/policy/expansion.h"

#include <re2/re2.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

namespace crossmill::coordinator::buildkit {
namespace {

using Groups = std::vector<re2::StringPiece>;

bool IsNameByte(char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
         byte == '_';
}

// The name behind "$" at the beginning of `rest`, and how long it is with its braces; nothing: it is a "$".
std::optional<std::string_view> NameOf(std::string_view rest, size_t* length) {
  const bool braces = rest.starts_with("{");
  size_t end = braces ? 1 : 0;
  const size_t begin = end;
  while (end < rest.size() && IsNameByte(rest[end])) ++end;
  if (end == begin) return std::nullopt;
  const std::string_view name = rest.substr(begin, end - begin);
  if (braces && (end == rest.size() || rest[end] != '}')) return std::nullopt;
  *length = braces ? end + 1 : end;
  return name;
}

void AppendGroup(const re2::RE2& expression, const Groups& groups, std::string_view name, std::string* to) {
  size_t index = groups.size();
  if (std::all_of(name.begin(), name.end(), [](char byte) { return byte >= '0' && byte <= '9'; })) {
    // No number has a leading zero, and no group is named so.
    if (name.size() > 1 && name.front() == '0') return;
    if (std::from_chars(name.data(), name.data() + name.size(), index).ec != std::errc()) return;
  } else {
    const auto& named = expression.NamedCapturingGroups();
    const auto found = named.find(std::string(name));
    if (found == named.end()) return;
    index = static_cast<size_t>(found->second);
  }
  if (index < groups.size() && groups[index].data() != nullptr)
    to->append(groups[index].data(), groups[index].size());
}

void Expand(const re2::RE2& expression, const Groups& groups, std::string_view pattern, std::string* to) {
  while (!pattern.empty()) {
    const size_t dollar = pattern.find('$');
    to->append(pattern.substr(0, dollar));
    if (dollar == std::string_view::npos) return;
    pattern.remove_prefix(dollar + 1);
    if (pattern.starts_with("$")) {
      to->push_back('$');
      pattern.remove_prefix(1);
      continue;
    }
    size_t length = 0;
    const auto name = NameOf(pattern, &length);
    if (!name) {
      // Malformed: a "$" that stands for itself.
      to->push_back('$');
      continue;
    }
    AppendGroup(expression, groups, *name, to);
    pattern.remove_prefix(length);
  }
}

bool FindMatch(const re2::RE2& expression, std::string_view text, size_t from, Groups* groups) {
  groups->assign(static_cast<size_t>(expression.NumberOfCapturingGroups()) + 1, {});
  return expression.Match({text.data(), text.size()}, from, text.size(), re2::RE2::UNANCHORED, groups->data(),
                          static_cast<int>(groups->size()));
}

// Of the character at the place, as Go steps over it.
size_t WidthAt(std::string_view text, size_t at) {
  if (at >= text.size()) return 0;
  size_t width = 1;
  while (width < 4 && at + width < text.size() &&
         (static_cast<unsigned char>(text[at + width]) & 0xc0) == 0x80)
    ++width;
  return width;
}

}  // namespace

std::string ExpandMatch(const re2::RE2& expression, std::string_view text, std::string_view pattern,
                        std::string_view otherwise) {
  Groups groups;
  if (!FindMatch(expression, text, 0, &groups)) return std::string(otherwise);
  std::string expanded;
  Expand(expression, groups, pattern, &expanded);
  return expanded;
}

std::string ReplaceMatches(const re2::RE2& expression, std::string_view text, std::string_view pattern,
                           size_t most) {
  std::string replaced;
  Groups groups;
  size_t last_end = 0;
  size_t search = 0;
  while (search <= text.size() && replaced.size() <= most) {
    if (!FindMatch(expression, text, search, &groups)) break;
    const auto begin = static_cast<size_t>(groups[0].data() - text.data());
    const size_t end = begin + groups[0].size();
    replaced.append(text.substr(last_end, begin - last_end));
    // An empty match right behind another one is none.
    if (end > last_end || begin == 0) Expand(expression, groups, pattern, &replaced);
    last_end = end;
    const size_t width = WidthAt(text, search);
    if (search + width > end) {
      search += width;
    } else if (search + 1 > end) {
      ++search;
    } else {
      search = end;
    }
  }
  replaced.append(text.substr(last_end));
  return replaced;
}

}  // namespace crossmill::coordinator::buildkit
