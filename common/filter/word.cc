#include "common/filter/word.h"

#include <algorithm>
#include <optional>

#include "absl/strings/ascii.h"
#include "common/base/status.h"
#include "common/base/utf8.h"

namespace crossmill::filter {
namespace {

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

absl::Status Wrong(std::string_view word, std::string_view why) {
  return absl::InvalidArgumentError(fmt::format("filter: '{}': {}", Printable(word), why));
}

// One word of the text.
class WordReader {
 public:
  explicit WordReader(std::string_view rest) : rest_(rest) {}

  absl::StatusOr<RawWord> Read() {
    RawWord word;
    if (rest_.front() == '-') {
      word.negated = true;
      ++at_;
    }
    ReadField(&word);
    while (true) {
      ASSIGN_OR_RETURN(std::string value, ReadValue(word));
      word.values.push_back(std::move(value));
      if (AtEnd()) break;
      ++at_;  // a comma
    }
    word.text = rest_.substr(0, at_);
    return word;
  }

 private:
  bool AtEnd() const { return at_ >= rest_.size() || IsBlank(rest_[at_]); }

  // The word as far as it goes without quotes, for messages.
  std::string_view Shown() const {
    const auto blank = std::find_if(rest_.begin(), rest_.end(), IsBlank);
    return rest_.substr(0, std::max<size_t>(at_, static_cast<size_t>(blank - rest_.begin())));
  }

  // A name and the sign behind it, or nothing.
  void ReadField(RawWord* word) {
    size_t end = at_;
    while (end < rest_.size() && !IsBlank(rest_[end]) &&
           std::string_view("\":<>,").find(rest_[end]) == std::string_view::npos)
      ++end;
    if (end == at_ || end >= rest_.size() ||
        std::string_view(":<>").find(rest_[end]) == std::string_view::npos)
      return;
    word->field = std::string(rest_.substr(at_, end - at_));
    word->sign = rest_[end];
    at_ = end + 1;
  }

  // Up to a blank, or of a field to a comma.
  absl::StatusOr<std::string> ReadValue(const RawWord& word) {
    const bool quoted = at_ < rest_.size() && rest_[at_] == '"';
    std::string value;
    if (quoted) {
      ASSIGN_OR_RETURN(value, ReadQuoted());
      const bool over = AtEnd() || (!word.field.empty() && rest_[at_] == ',');
      if (!over) return Wrong(Shown(), "there is more behind a quoted value; expected a blank");
    } else {
      while (!AtEnd() && (word.field.empty() || rest_[at_] != ',')) {
        if (rest_[at_] == '"')
          return Wrong(Shown(), "a quote is in the middle; put the whole value into quotes");
        value += rest_[at_++];
      }
    }
    if (!value.empty()) return value;
    if (word.field.empty())
      return Wrong(Shown(), word.negated ? "nothing is behind the minus" : "nothing is in the quotes");
    return Wrong(Shown(), fmt::format("a value is missing behind '{}{}'", Printable(word.field), word.sign));
  }

  absl::StatusOr<std::string> ReadQuoted() {
    std::string value;
    for (++at_; at_ < rest_.size(); ++at_) {
      if (rest_[at_] == '"') {
        ++at_;
        return value;
      }
      if (rest_[at_] == '\\') {
        const char next = at_ + 1 < rest_.size() ? rest_[at_ + 1] : '\0';
        if (next != '"' && next != '\\')
          return Wrong(Shown(), "a backslash in quotes stands only before a quote or a backslash");
        ++at_;
      }
      value += IsBlank(rest_[at_]) ? ' ' : rest_[at_];
    }
    return Wrong(Shown(), "the closing quote is missing");
  }

  const std::string_view rest_;
  size_t at_ = 0;
};

}  // namespace

absl::StatusOr<std::vector<RawWord>> SplitWords(std::string_view text) {
  for (const char c : text) {
    if (!IsBlank(c) && absl::ascii_iscntrl(static_cast<unsigned char>(c)))
      return absl::InvalidArgumentError("filter: it has a control character");
  }
  std::vector<RawWord> words;
  while (true) {
    const auto begin = std::find_if_not(text.begin(), text.end(), IsBlank);
    text.remove_prefix(static_cast<size_t>(begin - text.begin()));
    if (text.empty()) return words;
    ASSIGN_OR_RETURN(RawWord word, WordReader(text).Read());
    text.remove_prefix(word.text.size());
    words.push_back(std::move(word));
  }
}

}  // namespace crossmill::filter
