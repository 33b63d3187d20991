// Lines and options of requirements files.
#include "common/python/requirements_lines.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/base/utf8.h"

namespace crossmill::python {
namespace {

struct KnownOption {
  std::string_view name;
  // '\0': none.
  char letter;
  bool has_value;
};

constexpr std::array<KnownOption, 21> kOptions = {{{"index-url", 'i', true},
                                                   {"pypi-url", '\0', true},
                                                   {"extra-index-url", '\0', true},
                                                   {"no-index", '\0', false},
                                                   {"constraint", 'c', true},
                                                   {"requirement", 'r', true},
                                                   {"editable", 'e', true},
                                                   {"find-links", 'f', true},
                                                   {"no-binary", '\0', true},
                                                   {"only-binary", '\0', true},
                                                   {"prefer-binary", '\0', false},
                                                   {"require-hashes", '\0', false},
                                                   {"no-require-hashes", '\0', false},
                                                   {"pre", '\0', false},
                                                   {"all-releases", '\0', true},
                                                   {"only-final", '\0', true},
                                                   {"trusted-host", '\0', true},
                                                   {"use-feature", '\0', true},
                                                   {"hash", '\0', true},
                                                   {"config-settings", 'C', true},
                                                   {"global-option", '\0', true}}};

bool IsBlank(char c) { return absl::ascii_isspace(static_cast<unsigned char>(c)); }

// Python's ends of lines, those beyond ASCII apart.
std::vector<std::string_view> PhysicalLines(std::string_view text) {
  constexpr std::string_view kEnds("\n\r\v\f\x1c\x1d\x1e", 7);
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = text.find_first_of(kEnds);
    lines.push_back(text.substr(0, end));
    if (end == text.npos) break;
    text.remove_prefix(text.substr(end).starts_with("\r\n") ? end + 2 : end + 1);
  }
  return lines;
}

// The beginning of a comment: a '#' at the beginning or after a blank, with the blanks before it.
size_t CommentAt(std::string_view line) {
  for (size_t at = line.find('#'); at != line.npos; at = line.find('#', at + 1)) {
    if (at != 0 && !IsBlank(line[at - 1])) continue;
    while (at > 0 && IsBlank(line[at - 1])) --at;
    return at;
  }
  return line.npos;
}

bool BeginsAsComment(std::string_view line) { return CommentAt(line) == 0; }

std::string WithVariables(std::string_view line,
                          const std::map<std::string, std::string, std::less<>>& variables) {
  std::string text;
  while (true) {
    const size_t begin = line.find("${");
    if (begin == line.npos) return text.append(line);
    const size_t end = line.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", begin + 2);
    const bool closed = end != line.npos && line[end] == '}' && end > begin + 2;
    const auto found = closed ? variables.find(line.substr(begin + 2, end - begin - 2)) : variables.end();
    text.append(line.substr(0, begin));
    if (found == variables.end() || found->second.empty()) {
      text.append("${");
      line.remove_prefix(begin + 2);
    } else {
      text.append(found->second);
      line.remove_prefix(end + 1);
    }
  }
}

// Words as a shell reads them: blanks separate, quotes and backslashes protect.
absl::StatusOr<std::vector<std::string>> ShellWords(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  bool open = false;
  char quote = '\0';
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != '\0') {
      if (c == quote) {
        quote = '\0';
      } else if (c == '\\' && quote == '"' && i + 1 < text.size() &&
                 (text[i + 1] == '"' || text[i + 1] == '\\')) {
        word.push_back(text[++i]);
      } else {
        word.push_back(c);
      }
    } else if (IsBlank(c)) {
      if (open) words.push_back(std::exchange(word, {}));
      open = false;
    } else {
      open = true;
      if (c == '"' || c == '\'') {
        quote = c;
      } else if (c == '\\') {
        if (++i == text.size()) return absl::InvalidArgumentError("a backslash at the end of the options");
        word.push_back(text[i]);
      } else {
        word.push_back(c);
      }
    }
  }
  if (quote != '\0') return absl::InvalidArgumentError("a quote that is not closed in the options");
  if (open) words.push_back(std::move(word));
  return words;
}

// By its whole name, or by the beginning of only one.
absl::StatusOr<const KnownOption*> LongOption(std::string_view name) {
  const KnownOption* found = nullptr;
  for (const KnownOption& option : kOptions) {
    if (option.name == name) return &option;
    if (!option.name.starts_with(name)) continue;
    if (found != nullptr) {
      return absl::InvalidArgumentError(
          fmt::format("option --{} could be --{} or --{}", Printable(name), found->name, option.name));
    }
    found = &option;
  }
  if (found == nullptr || name.empty()) {
    return absl::InvalidArgumentError(
        fmt::format("there is no option --{} in requirements files", Printable(name)));
  }
  return found;
}

// Takes words one by one.
class OptionReader {
 public:
  explicit OptionReader(std::vector<std::string> words) : words_(std::move(words)) {}

  absl::StatusOr<std::vector<LineOption>> Read() {
    while (at_ < words_.size()) {
      const std::string word = words_[at_++];
      if (word == "--") break;
      if (word.starts_with("--")) {
        RETURN_IF_ERROR(ReadLong(std::string_view(word).substr(2)));
      } else if (word.size() > 1 && word[0] == '-') {
        RETURN_IF_ERROR(ReadShort(std::string_view(word).substr(1)));
      }
    }
    return std::move(options_);
  }

 private:
  absl::Status ReadLong(std::string_view word) {
    const size_t equals = word.find('=');
    ASSIGN_OR_RETURN(const KnownOption* option, LongOption(word.substr(0, equals)));
    if (equals == word.npos) return Add(*option);
    if (!option->has_value) {
      return absl::InvalidArgumentError(fmt::format("option --{} takes no value", option->name));
    }
    options_.push_back({option->name, std::string(word.substr(equals + 1))});
    return absl::OkStatus();
  }

  absl::Status ReadShort(std::string_view word) {
    // All short ones have a value: what follows the letter, or the next word.
    const auto* option = std::find_if(kOptions.begin(), kOptions.end(),
                                      [&](const KnownOption& one) { return one.letter == word[0]; });
    if (option == kOptions.end()) {
      return absl::InvalidArgumentError(
          fmt::format("there is no option -{} in requirements files", Printable(word.substr(0, 1))));
    }
    if (word.size() == 1) return Add(*option);
    options_.push_back({option->name, std::string(word.substr(1))});
    return absl::OkStatus();
  }

  absl::Status Add(const KnownOption& option) {
    if (!option.has_value) {
      options_.push_back({option.name, {}});
      return absl::OkStatus();
    }
    if (at_ == words_.size()) {
      return absl::InvalidArgumentError(fmt::format("option --{} needs a value", option.name));
    }
    options_.push_back({option.name, words_[at_++]});
    return absl::OkStatus();
  }

  std::vector<std::string> words_;
  size_t at_ = 0;
  std::vector<LineOption> options_;
};

}  // namespace

std::vector<LogicalLine> LogicalLines(std::string_view text,
                                      const std::map<std::string, std::string, std::less<>>& variables) {
  std::vector<LogicalLine> joined;
  LogicalLine open;
  int number = 0;
  for (const std::string_view line : PhysicalLines(text)) {
    ++number;
    const bool comment = BeginsAsComment(line);
    if (open.number == 0) open.number = number;
    if (line.ends_with('\\') && !comment) {
      const size_t first = line.find_first_not_of('\\');
      const size_t last = line.find_last_not_of('\\');
      if (first != line.npos) open.text.append(line.substr(first, last - first + 1));
      continue;
    }
    // A comment ends what goes on.
    if (comment) open.text.push_back(' ');
    open.text.append(line);
    joined.push_back(std::exchange(open, {}));
  }
  if (open.number != 0) joined.push_back(std::move(open));
  std::vector<LogicalLine> lines;
  for (const LogicalLine& line : joined) {
    const std::string_view content = Trim(std::string_view(line.text).substr(0, CommentAt(line.text)));
    if (!content.empty()) lines.push_back({line.number, WithVariables(content, variables)});
  }
  return lines;
}

std::pair<std::string, std::string> SplitOptions(std::string_view line) {
  size_t options = line.starts_with('-') ? 0 : line.find(" -");
  if (options == line.npos) return {std::string(line), {}};
  if (options != 0 || line[0] == ' ') ++options;
  return {std::string(Trim(line.substr(0, options))), std::string(line.substr(options))};
}

absl::StatusOr<std::vector<LineOption>> ReadOptions(std::string_view text) {
  ASSIGN_OR_RETURN(std::vector<std::string> words, ShellWords(text));
  return OptionReader(std::move(words)).Read();
}

}  // namespace crossmill::python
