#include "common/check/shell_commands.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/ascii.h"

namespace crossmill::check {
namespace {

// Scripts in scripts end somewhere.
constexpr int kDeepest = 8;

constexpr std::array<std::string_view, 14> kReserved = {
    "if", "then", "else", "elif", "fi", "do", "done", "while", "until", "!", "{", "}", "time", "exec"};

bool IsOneOf(std::string_view text, const auto& list) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

bool IsAssignment(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0 || absl::ascii_isdigit(text[0])) return false;
  return std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(equals), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '+';
  });
}

class ShellReader {
 public:
  ShellReader(std::string_view text, size_t base, int depth, std::vector<ShellCommand>& commands)
      : text_(text), base_(base), depth_(depth), commands_(commands) {}

  void Read() {
    while (i_ < text_.size()) Step();
    EndCommand();
  }

 private:
  char Peek(size_t ahead = 0) const { return i_ + ahead < text_.size() ? text_[i_ + ahead] : '\0'; }

  void Step() {
    const char c = text_[i_];
    if (c == '\\' && Peek(1) == '\n') {
      i_ += 2;
    } else if (c == ' ' || c == '\t' || c == '\r') {
      ++i_;
    } else if (c == '\n' || c == ';') {
      ++i_;
      EndCommand();
    } else if (c == '#') {
      while (i_ < text_.size() && text_[i_] != '\n') ++i_;
    } else if (c == '&') {
      const bool redirection = Peek(1) == '>';
      i_ += Peek(1) == '&' || redirection ? 2 : 1;
      if (redirection) {
        SkipRedirection();
      } else {
        EndCommand();
      }
    } else if (c == '|') {
      const bool pipe = Peek(1) != '|';
      i_ += pipe && Peek(1) != '&' ? 1 : 2;
      EndCommand(pipe);
      command_.reads_pipe = pipe;
    } else if (c == '(' || c == ')') {
      ++i_;
      EndCommand();
      group_ += c == '(' ? 1 : (group_ > 0 ? -1 : 0);
    } else if (c == '>' || c == '<') {
      SkipRedirection();
    } else {
      ReadWord();
    }
  }

  // `>`, `>>`, `2>&1`, `<`, `<<<` and the word behind.
  void SkipRedirection() {
    while (Peek() == '>' || Peek() == '<' || Peek() == '&' || Peek() == '|') ++i_;
    while (Peek() == ' ' || Peek() == '\t') ++i_;
    ShellWord ignored;
    TakeWord(&ignored);
  }

  void ReadWord() {
    ShellWord word;
    TakeWord(&word);
    const bool descriptor = (Peek() == '>' || Peek() == '<') && !word.text.empty() &&
                            std::all_of(word.text.begin(), word.text.end(), [](char c) {
                              return absl::ascii_isdigit(static_cast<unsigned char>(c));
                            });
    if (descriptor) return;
    if (word.length == 0) {
      ++i_;
      return;
    }
    if (command_.words.empty() && all_.empty() && IsOneOf(word.text, kReserved)) return;
    // `for x in ...`, `case x in`: names, no programs.
    if (command_.words.empty() && all_.empty() && (word.text == "for" || word.text == "case")) loop_ = true;
    all_.push_back(word);
    if (command_.words.empty() && IsAssignment(word.text)) {
      command_.assignments.push_back(std::move(word));
    } else {
      command_.words.push_back(std::move(word));
    }
  }

  void TakeWord(ShellWord* word) {
    const size_t begin = i_;
    while (i_ < text_.size()) {
      const char c = text_[i_];
      if (std::string_view(" \t\r\n;&|()<>").find(c) != std::string_view::npos) break;
      if (c == '\\') {
        if (Peek(1) != '\n' && i_ + 1 < text_.size()) word->text += text_[i_ + 1];
        i_ = std::min(i_ + 2, text_.size());
      } else if (c == '\'') {
        const size_t end = std::min(text_.find('\'', i_ + 1), text_.size());
        word->text += text_.substr(i_ + 1, end - i_ - 1);
        i_ = std::min(end + 1, text_.size());
      } else if (c == '"') {
        TakeQuoted(word);
      } else if (c == '$' || c == '`') {
        TakeExpansion(word);
      } else {
        word->text += c;
        ++i_;
      }
    }
    word->offset = base_ + begin;
    word->length = i_ - begin;
  }

  void TakeQuoted(ShellWord* word) {
    ++i_;
    while (i_ < text_.size() && text_[i_] != '"') {
      const char c = text_[i_];
      if (c == '\\' && i_ + 1 < text_.size()) {
        if (std::string_view("$`\"\\\n").find(text_[i_ + 1]) == std::string_view::npos) word->text += c;
        if (text_[i_ + 1] != '\n') word->text += text_[i_ + 1];
        i_ += 2;
      } else if (c == '$' || c == '`') {
        TakeExpansion(word);
      } else {
        word->text += c;
        ++i_;
      }
    }
    i_ = std::min(i_ + 1, text_.size());
  }

  void TakeExpansion(ShellWord* word) {
    word->expands = true;
    const size_t begin = i_;
    if (text_[i_] == '`') {
      const size_t end = std::min(text_.find('`', i_ + 1), text_.size());
      Nested(text_.substr(begin + 1, end - begin - 1), begin + 1);
      i_ = std::min(end + 1, text_.size());
    } else if (Peek(1) == '(') {
      const size_t end = ClosingOf('(', ')', i_ + 1);
      // $(( )) is arithmetic.
      if (Peek(2) != '(') Nested(text_.substr(begin + 2, end - begin - 2), begin + 2);
      i_ = std::min(end + 1, text_.size());
    } else if (Peek(1) == '{') {
      i_ = std::min(ClosingOf('{', '}', i_ + 1) + 1, text_.size());
    } else {
      ++i_;
      while (i_ < text_.size() &&
             (absl::ascii_isalnum(static_cast<unsigned char>(text_[i_])) || text_[i_] == '_'))
        ++i_;
    }
    word->text += text_.substr(begin, i_ - begin);
  }

  // Where the bracket at `i` is closed; the end of the text if it is not.
  size_t ClosingOf(char open, char close, size_t i) const {
    int level = 0;
    char quote = 0;
    for (; i < text_.size(); ++i) {
      const char c = text_[i];
      if (c == '\\' && quote != '\'') {
        ++i;
      } else if (quote != 0) {
        if (c == quote) quote = 0;
      } else if (c == '"' || c == '\'') {
        quote = c;
      } else if (c == open) {
        ++level;
      } else if (c == close && --level == 0) {
        return i;
      }
    }
    return text_.size();
  }

  void Nested(std::string_view script, size_t offset) {
    if (depth_ < kDeepest) ShellReader(script, base_ + offset, depth_ + 1, commands_).Read();
  }

  void EndCommand(bool into_pipe = false) {
    ShellCommand command = std::move(command_);
    const std::vector<ShellWord> all = std::move(all_);
    const bool loop = std::exchange(loop_, false);
    command_ = {};
    all_.clear();
    if (all.empty() || loop) return;
    command.writes_pipe = into_pipe;
    command.nested = depth_ > 0 || group_ > 0;
    command.offset = all.front().offset;
    command.length = all.back().offset + all.back().length - command.offset;
    StripWrappers(command);
    const std::string_view program = command.Program();
    const bool shell = program == "sh" || program == "bash" || program == "ash" || program == "dash";
    commands_.push_back(command);
    if (!shell || depth_ >= kDeepest) return;
    for (size_t i = 1; i + 1 < command.words.size(); ++i) {
      const std::string& flag = command.words[i].text;
      if (!flag.starts_with('-')) return;
      if (flag.starts_with("--") || flag.find('c') == std::string::npos) continue;
      // Offsets inside a quoted text are near enough: behind the quote.
      ShellReader(command.words[i + 1].text, command.words[i + 1].offset + 1, depth_ + 1, commands_).Read();
      return;
    }
  }

  static void StripWrappers(ShellCommand& command) {
    while (command.words.size() > 1) {
      const std::string_view program = command.Program();
      const bool plain = program == "sudo" || program == "env" || program == "command" || program == "nice" ||
                         program == "nohup" || program == "eatmydata" || program == "time" ||
                         program == "exec" || program == "then" || program == "do" || program == "else";
      if (!plain) return;
      size_t next = 1;
      while (next < command.words.size() &&
             (command.words[next].text.starts_with('-') || IsAssignment(command.words[next].text))) {
        if (IsAssignment(command.words[next].text)) command.assignments.push_back(command.words[next]);
        // sudo -u NAME
        next += command.words[next].text == "-u" || command.words[next].text == "-n" ? 2 : 1;
      }
      if (next >= command.words.size()) return;
      command.words.erase(command.words.begin(), command.words.begin() + static_cast<std::ptrdiff_t>(next));
    }
  }

  const std::string_view text_;
  const size_t base_;
  const int depth_;
  std::vector<ShellCommand>& commands_;
  size_t i_ = 0;
  int group_ = 0;
  bool loop_ = false;
  ShellCommand command_;
  // Every word of the command, in order.
  std::vector<ShellWord> all_;
};

}  // namespace

std::string_view ShellCommand::Program() const {
  if (words.empty()) return "";
  const std::string_view text = words[0].text;
  const size_t slash = text.rfind('/');
  return slash == std::string_view::npos ? text : text.substr(slash + 1);
}

bool ShellCommand::HasWord(std::string_view a, std::string_view b, std::string_view c) const {
  return std::any_of(words.begin() + (words.empty() ? 0 : 1), words.end(), [&](const ShellWord& word) {
    return word.text == a || (!b.empty() && word.text == b) || (!c.empty() && word.text == c);
  });
}

size_t ShellCommand::FirstArgument() const {
  for (size_t i = 1; i < words.size(); ++i) {
    if (!words[i].text.starts_with('-')) return i;
  }
  return 0;
}

std::string_view ShellCommand::Subcommand() const {
  const size_t first = FirstArgument();
  return first == 0 ? std::string_view() : std::string_view(words[first].text);
}

std::vector<ShellCommand> ReadShellCommands(std::string_view script) {
  std::vector<ShellCommand> commands;
  ShellReader(script, 0, 0, commands).Read();
  // Nested commands were met before the command around them.
  std::stable_sort(commands.begin(), commands.end(),
                   [](const ShellCommand& a, const ShellCommand& b) { return a.offset < b.offset; });
  return commands;
}

}  // namespace crossmill::check
