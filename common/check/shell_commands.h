// The programs that a shell script calls, as far as they can be told without running it: for checks of RUN.
// Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace crossmill::check {

struct ShellWord {
  // Without quotes and escapes.
  std::string text;
  // Place of the word as written.
  size_t offset = 0;
  size_t length = 0;
  // A variable or a command substitution decides what it is.
  bool expands = false;
};

// One simple command: the program first. Assignments before it, redirections and wrappers (sudo, env, exec,
// time...) are taken away.
struct ShellCommand {
  std::vector<ShellWord> words;
  // NAME=value in front of the program.
  std::vector<ShellWord> assignments;
  // From the first word to the last, wrappers included.
  size_t offset = 0;
  size_t length = 0;
  bool reads_pipe = false;
  bool writes_pipe = false;
  // Inside ( ), $( ) or a text given to `sh -c`.
  bool nested = false;

  // The program's base name: "pip" for /usr/bin/pip.
  std::string_view Program() const;
  // Whether some word after the program is exactly one of these.
  bool HasWord(std::string_view a, std::string_view b = "", std::string_view c = "") const;
  // Index of the first word behind the program that is no option; 0 if there is none.
  size_t FirstArgument() const;
  // The first argument, or "".
  std::string_view Subcommand() const;
};

// In the order they are written. Never fails: what is no shell gives odd commands or none.
std::vector<ShellCommand> ReadShellCommands(std::string_view script);

}  // namespace crossmill::check
