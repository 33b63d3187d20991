// Words of a POSIX shell.
#pragma once

#include <string>
#include <string_view>

namespace crossmill {

// `text` as one word, in single quotes, whatever it holds but NUL.
inline std::string ShellQuoted(std::string_view text) {
  std::string quoted = "'";
  for (const char byte : text)
    quoted += byte == '\'' ? std::string_view("'\\''") : std::string_view(&byte, 1);
  return quoted + "'";
}

}  // namespace crossmill
