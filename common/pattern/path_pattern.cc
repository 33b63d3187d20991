#include "common/pattern/path_pattern.h"

#include <algorithm>
#include <bit>

#include "common/base/status.h"

namespace crossmill::pattern {
namespace {

// Reads a class whose `[` is before `position`; leaves `position` behind its `]`. False if it is not
// closed. Ranges are over bytes.
bool ReadClass(std::string_view pattern, size_t& position, std::bitset<256>& members) {
  bool negated = false;
  // Go's classes: a `!` is an ordinary member.
  if (position < pattern.size() && pattern[position] == '^') {
    negated = true;
    ++position;
  }
  const auto read_char = [&](unsigned char& c) {
    if (position >= pattern.size()) return false;
    if (pattern[position] == '\\') ++position;
    if (position >= pattern.size()) return false;
    c = static_cast<unsigned char>(pattern[position++]);
    return true;
  };
  bool first = true;
  while (position < pattern.size() && (pattern[position] != ']' || first)) {
    first = false;
    unsigned char low = 0;
    if (!read_char(low)) return false;
    unsigned char high = low;
    if (position + 1 < pattern.size() && pattern[position] == '-' && pattern[position + 1] != ']') {
      ++position;
      if (!read_char(high)) return false;
    }
    for (int c = low; c <= high; ++c) members.set(static_cast<size_t>(c));
  }
  if (position >= pattern.size()) return false;
  ++position;
  if (negated) members.flip();
  members.reset('/');
  return true;
}

}  // namespace

// The set of token positions that a prefix of the path can have led to: bits, without allocation for
// patterns of usual length.
class PathPattern::States {
 public:
  explicit States(size_t size) : words_((size + 63) / 64) {
    if (words_ > kInline) large_.resize(words_);
  }
  void Clear() { std::fill_n(data(), words_, 0); }
  void Add(size_t state) { data()[state / 64] |= uint64_t{1} << (state % 64); }
  bool Has(size_t state) const { return (data()[state / 64] >> (state % 64) & 1) != 0; }
  bool empty() const {
    return std::all_of(data(), data() + words_, [](uint64_t word) { return word == 0; });
  }
  bool IsOnlyFirst() const {
    return data()[0] == 1 &&
           std::all_of(data() + 1, data() + words_, [](uint64_t word) { return word == 0; });
  }
  template <typename Visit>
  void ForEach(const Visit& visit) const {
    for (size_t i = 0; i < words_; ++i) {
      for (uint64_t word = data()[i]; word != 0; word &= word - 1) {
        visit(i * 64 + static_cast<size_t>(std::countr_zero(word)));
      }
    }
  }

 private:
  static constexpr size_t kInline = 2;
  uint64_t* data() { return words_ > kInline ? large_.data() : small_; }
  const uint64_t* data() const { return words_ > kInline ? large_.data() : small_; }

  size_t words_;
  uint64_t small_[kInline] = {};
  std::vector<uint64_t> large_;
};

absl::StatusOr<PathPattern> PathPattern::Compile(std::string_view pattern) {
  PathPattern compiled;
  const auto add = [&](Kind kind, char c = 0, uint32_t char_class = 0) {
    compiled.tokens_.push_back({kind, c, char_class});
    compiled.literal_ = compiled.literal_ && kind == Kind::kChar;
  };
  for (size_t i = 0; i < pattern.size();) {
    const char c = pattern[i++];
    if (c == '*') {
      if (i >= pattern.size() || pattern[i] != '*') {
        add(Kind::kStar);
        continue;
      }
      while (i < pattern.size() && pattern[i] == '*') ++i;
      if (i < pattern.size() && pattern[i] == '/') {
        ++i;
        add(Kind::kFolders);
      } else {
        add(Kind::kAnyText);
      }
    } else if (c == '?') {
      add(Kind::kAnyChar);
    } else if (c == '[') {
      std::bitset<256> members;
      if (!ReadClass(pattern, i, members)) {
        return absl::InvalidArgumentError(
            fmt::format("pattern '{}' has a '[' that is not closed; expected ']' or '\\['", pattern));
      }
      compiled.classes_.push_back(members);
      add(Kind::kClass, 0, static_cast<uint32_t>(compiled.classes_.size() - 1));
    } else if (c == '\\') {
      if (i >= pattern.size()) {
        return absl::InvalidArgumentError(
            fmt::format("pattern '{}' ends in '\\'; expected a character after it", pattern));
      }
      add(Kind::kChar, pattern[i++]);
    } else {
      add(Kind::kChar, c);
    }
  }
  if (compiled.literal_) {
    for (const Token& token : compiled.tokens_) compiled.literal_text_ += token.character;
  }
  return compiled;
}

// Adds a state and what is reached from it without a character: behind a star, and behind `**/` as no
// folder at all.
void PathPattern::Enter(size_t state, States& states) const {
  states.Add(state);
  while (state < tokens_.size() &&
         (tokens_[state].kind == Kind::kStar || tokens_[state].kind == Kind::kAnyText ||
          tokens_[state].kind == Kind::kFolders)) {
    states.Add(++state);
  }
}

void PathPattern::Step(const States& from, char c, States& to) const {
  to.Clear();
  from.ForEach([&](size_t i) {
    if (i == tokens_.size()) return;
    const Token& token = tokens_[i];
    switch (token.kind) {
      case Kind::kChar:
        if (token.character == c) Enter(i + 1, to);
        break;
      case Kind::kAnyChar:
        if (c != '/') Enter(i + 1, to);
        break;
      case Kind::kClass:
        if (classes_[token.char_class].test(static_cast<unsigned char>(c))) Enter(i + 1, to);
        break;
      case Kind::kStar:
        if (c != '/') Enter(i, to);
        break;
      case Kind::kAnyText:
        Enter(i, to);
        break;
      case Kind::kFolders:
        // Inside a folder's name; it can end only with a slash.
        to.Add(i);
        if (c == '/') Enter(i + 1, to);
        break;
    }
  });
}

bool PathPattern::Matches(std::string_view path) const {
  if (literal_) return path == literal_text_;
  States current(tokens_.size() + 1);
  States next(tokens_.size() + 1);
  Enter(0, current);
  for (const char c : path) {
    Step(current, c, next);
    std::swap(current, next);
    if (current.empty()) return false;
  }
  return current.Has(tokens_.size());
}

bool PathPattern::MatchesPathOrParent(std::string_view path) const {
  if (literal_) {
    return path.starts_with(literal_text_) && (path.size() == literal_text_.size() ||
                                               (!literal_text_.empty() && path[literal_text_.size()] == '/'));
  }
  States current(tokens_.size() + 1);
  States next(tokens_.size() + 1);
  Enter(0, current);
  const bool any_folder_first = tokens_[0].kind == Kind::kFolders;
  for (size_t i = 0; i < path.size(); ++i) {
    if (any_folder_first && path[i] != '/' && current.IsOnlyFirst()) {
      // Nothing but a leading `**/` is left: the next chance is the next folder.
      i = path.find('/', i);
      if (i == std::string_view::npos) return false;
    }
    if (path[i] == '/' && i != 0 && current.Has(tokens_.size())) return true;
    Step(current, path[i], next);
    std::swap(current, next);
    if (current.empty()) return false;
  }
  return current.Has(tokens_.size());
}

bool PathPattern::MayMatchBelow(std::string_view folder) const {
  if (literal_) {
    return folder.empty() || (literal_text_.size() > folder.size() + 1 && literal_text_.starts_with(folder) &&
                              literal_text_[folder.size()] == '/');
  }
  if (folder.empty()) return true;
  States current(tokens_.size() + 1);
  States next(tokens_.size() + 1);
  Enter(0, current);
  for (size_t i = 0; i <= folder.size(); ++i) {
    Step(current, i < folder.size() ? folder[i] : '/', next);
    std::swap(current, next);
    if (current.empty()) return false;
  }
  // Something must still be able to follow the slash.
  for (size_t i = 0; i < tokens_.size(); ++i) {
    if (current.Has(i)) return true;
  }
  return false;
}

bool MatchSegment(std::string_view pattern, std::string_view name) {
  // Backtracking only to the last star is enough inside one segment.
  size_t p = 0;
  size_t n = 0;
  size_t star_p = std::string_view::npos;
  size_t star_n = 0;
  const auto match_one = [&](size_t& at) {
    const char c = pattern[at];
    if (c == '?') return ++at, true;
    if (c == '[') {
      std::bitset<256> members;
      size_t position = at + 1;
      if (!ReadClass(pattern, position, members)) return false;
      if (!members.test(static_cast<unsigned char>(name[n]))) return false;
      at = position;
      return true;
    }
    if (c == '\\' && at + 1 < pattern.size()) ++at;
    if (pattern[at] != name[n]) return false;
    ++at;
    return true;
  };
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star_p = ++p;
      star_n = n;
      continue;
    }
    if (p < pattern.size() && match_one(p)) {
      ++n;
      continue;
    }
    if (star_p == std::string_view::npos) return false;
    p = star_p;
    n = ++star_n;
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool HasWildcards(std::string_view pattern) {
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '\\') {
      ++i;
    } else if (pattern[i] == '*' || pattern[i] == '?' || pattern[i] == '[') {
      return true;
    }
  }
  return false;
}

std::string CleanAbsolute(std::string_view path) {
  std::vector<std::string_view> segments;
  for (size_t begin = 0; begin <= path.size();) {
    size_t end = path.find('/', begin);
    if (end == std::string_view::npos) end = path.size();
    const std::string_view segment = path.substr(begin, end - begin);
    if (segment == "..") {
      if (!segments.empty()) segments.pop_back();
    } else if (!segment.empty() && segment != ".") {
      segments.push_back(segment);
    }
    begin = end + 1;
  }
  std::string clean;
  for (const std::string_view segment : segments) clean.append("/").append(segment);
  return clean.empty() ? "/" : clean;
}

std::string Unescape(std::string_view pattern) {
  std::string text;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '\\' && i + 1 < pattern.size()) ++i;
    text += pattern[i];
  }
  return text;
}

}  // namespace crossmill::pattern
