// What a filter put before every line of an installer's console: `| sed 's/^/[pip] /'`, `| ts`, `| cat -n`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace crossmill::packages {

// Learns a prefix from a line in which an installer's words stand behind something else, and takes it off
// from then on. Numbers in a prefix may change (times, line numbers). Keeps at most four.
class ConsolePrefix {
 public:
  std::string_view Strip(std::string_view line);

 private:
  std::vector<std::string> shapes_;
};

}  // namespace crossmill::packages
