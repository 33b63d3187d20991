#include "common/pattern/path_pattern.h"

#include <algorithm>
#include <bit>

#include "common/base/status.h"

namespace crossmill::pattern {
namespace {

// Bytes that are not UTF-8 are characters of their own, behind the last code point.
constexpr uint32_t kBadByte = 0x110000;
// As which Go's classes see such a byte.
constexpr uint32_t kReplacement = 0xFFFD;

// Takes the first character off the text, which is not empty.
uint32_t TakeCharacter(std::string_view& text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  const size_t length = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  uint32_t character = lead;
  bool valid = lead <= 0xF4 && length != 0 && length <= text.size();
  if (valid && length > 1) {
    character = lead & (0x7Fu >> length);
    for (size_t i = 1; i < length; ++i) {
      valid = valid && (byte(i) & 0xC0) == 0x80;
      character = character << 6 | (byte(i) & 0x3Fu);
    }
    // Too long a form, half of a surrogate pair, or beyond the last code point.
    if (length == 3) valid = valid && character >= 0x800 && (character < 0xD800 || character > 0xDFFF);
    if (length == 4) valid = valid && character >= 0x10000 && character < kBadByte;
  }
  text.remove_prefix(valid ? length : 1);
  return valid ? character : kBadByte + lead;
}

}  // namespace

bool PathPattern::Class::Has(uint32_t character) const {
  if (character == '/') return false;
  if (character >= kBadByte) character = kReplacement;
  const bool found = std::any_of(ranges.begin(), ranges.end(), [&](const auto& range) {
    return range.first <= character && character <= range.second;
  });
  return found != negated;
}

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

// Reads a pattern's text into tokens. Used once.
class PathPattern::Reader {
 public:
  Reader(std::string_view text, Dialect dialect, PathPattern& pattern)
      : whole_(text), rest_(text), dialect_(dialect), pattern_(pattern) {}

  absl::Status Read() {
    while (!rest_.empty()) {
      const char first = rest_.front();
      if (first == '*') {
        ReadStars();
      } else if (first == '?') {
        rest_.remove_prefix(1);
        pattern_.Add(Kind::kAnyCharacter);
      } else if (first == '[') {
        RETURN_IF_ERROR(ReadClass());
      } else {
        if (first == '\\') rest_.remove_prefix(1);
        if (rest_.empty()) {
          return absl::InvalidArgumentError(
              fmt::format("pattern '{}' ends in '\\'; expected a character after it", whole_));
        }
        pattern_.Add(Kind::kCharacter, TakeCharacter(rest_));
      }
    }
    return absl::OkStatus();
  }

 private:
  void ReadStars() {
    const bool leading = rest_.size() == whole_.size();
    rest_.remove_prefix(1);
    if (dialect_ == Dialect::kCopy || !rest_.starts_with('*')) return pattern_.Add(Kind::kStar);
    rest_.remove_prefix(1);
    const bool folder = rest_.starts_with('/');
    if (folder) rest_.remove_prefix(1);
    // moby compares what follows a leading `**` as the path's end if there is nothing special in it.
    const bool suffix = leading && !folder && rest_.find_first_of("*?[]\\") == std::string_view::npos;
    pattern_.Add(rest_.empty() || suffix ? Kind::kAnyText : Kind::kFolders);
  }

  // Go's rules: a class is not empty, and `-` and `]` as members need a backslash.
  absl::Status ReadClass() {
    rest_.remove_prefix(1);
    Class members;
    members.negated = rest_.starts_with('^');
    if (members.negated) rest_.remove_prefix(1);
    while (members.ranges.empty() || !rest_.starts_with(']')) {
      std::pair<uint32_t, uint32_t> range;
      RETURN_IF_ERROR(ReadMember(range.first));
      range.second = range.first;
      if (rest_.starts_with('-')) {
        rest_.remove_prefix(1);
        RETURN_IF_ERROR(ReadMember(range.second));
      }
      members.ranges.push_back(range);
    }
    rest_.remove_prefix(1);
    pattern_.classes_.push_back(std::move(members));
    pattern_.Add(Kind::kClass);
    return absl::OkStatus();
  }

  absl::Status ReadMember(uint32_t& member) {
    if (rest_.starts_with('-') || rest_.starts_with(']')) {
      return absl::InvalidArgumentError(
          fmt::format("pattern '{}' has a '{}' where a class needs a character; expected '\\{}'", whole_,
                      rest_.front(), rest_.front()));
    }
    if (rest_.starts_with('\\')) rest_.remove_prefix(1);
    if (rest_.empty()) {
      return absl::InvalidArgumentError(
          fmt::format("pattern '{}' has a '[' that is not closed; expected ']' or '\\['", whole_));
    }
    member = TakeCharacter(rest_);
    if (member >= kBadByte) {
      return absl::InvalidArgumentError(
          fmt::format("pattern '{}' has a class with a byte that is not UTF-8", whole_));
    }
    return absl::OkStatus();
  }

  const std::string_view whole_;
  std::string_view rest_;
  const Dialect dialect_;
  PathPattern& pattern_;
};

void PathPattern::Add(Kind kind, uint32_t character) {
  const size_t last_class = classes_.empty() ? 0 : classes_.size() - 1;
  tokens_.push_back({kind, character, static_cast<uint32_t>(kind == Kind::kClass ? last_class : 0)});
  literal_ = literal_ && kind == Kind::kCharacter;
}

absl::StatusOr<PathPattern> PathPattern::Compile(std::string_view pattern, Dialect dialect) {
  PathPattern compiled;
  RETURN_IF_ERROR(Reader(pattern, dialect, compiled).Read());
  if (compiled.literal_) compiled.literal_text_ = Unescape(pattern);
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

void PathPattern::Step(const States& from, uint32_t character, States& to) const {
  to.Clear();
  from.ForEach([&](size_t i) {
    if (i == tokens_.size()) return;
    const Token& token = tokens_[i];
    switch (token.kind) {
      case Kind::kCharacter:
        if (token.character == character) Enter(i + 1, to);
        break;
      case Kind::kAnyCharacter:
        if (character != '/') Enter(i + 1, to);
        break;
      case Kind::kClass:
        if (classes_[token.char_class].Has(character)) Enter(i + 1, to);
        break;
      case Kind::kStar:
        if (character != '/') Enter(i, to);
        break;
      case Kind::kAnyText:
        Enter(i, to);
        break;
      case Kind::kFolders:
        // Inside a folder's name; it can end only with a slash.
        to.Add(i);
        if (character == '/') Enter(i + 1, to);
        break;
    }
  });
}

bool PathPattern::Matches(std::string_view path) const {
  if (literal_) return path == literal_text_;
  States current(tokens_.size() + 1);
  States next(tokens_.size() + 1);
  Enter(0, current);
  while (!path.empty()) {
    Step(current, TakeCharacter(path), next);
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
  for (bool first = true; !path.empty(); first = false) {
    if (any_folder_first && path.front() != '/' && current.IsOnlyFirst()) {
      // Nothing but a leading `**/` is left: the next chance is the next folder.
      path.remove_prefix(std::min(path.find('/'), path.size()));
      if (path.empty()) return false;
    }
    if (path.front() == '/' && !first && current.Has(tokens_.size())) return true;
    Step(current, TakeCharacter(path), next);
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
  while (true) {
    const bool at_end = folder.empty();
    Step(current, at_end ? '/' : TakeCharacter(folder), next);
    std::swap(current, next);
    if (current.empty()) return false;
    if (at_end) break;
  }
  // Something must still be able to follow the slash.
  for (size_t i = 0; i < tokens_.size(); ++i) {
    if (current.Has(i)) return true;
  }
  return false;
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
  std::vector<std::string> kept;
  for (std::string& component : Components(path)) {
    if (component != "..") {
      kept.push_back(std::move(component));
    } else if (!kept.empty()) {
      kept.pop_back();
    }
  }
  std::string clean;
  for (const std::string& component : kept) clean.append("/").append(component);
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

std::vector<std::string> Components(std::string_view path) {
  std::vector<std::string> components;
  while (!path.empty()) {
    const size_t end = std::min(path.find('/'), path.size());
    const std::string_view name = path.substr(0, end);
    if (!name.empty() && name != ".") components.emplace_back(name);
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return components;
}

}  // namespace crossmill::pattern
