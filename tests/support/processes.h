// The processes of this machine, for tests that look whether any is left.
#pragma once

#include <sys/types.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/files.h"

namespace crossmill {

// Those whose command line begins so, its words joined by blanks. A process that ends while it is looked at
// is none of them.
inline std::vector<pid_t> ProcessesOf(std::string_view command) {
  std::vector<pid_t> found;
  std::error_code ignored;
  for (std::filesystem::directory_iterator entry("/proc", ignored), end; entry != end;
       entry.increment(ignored)) {
    const std::string name = entry->path().filename();
    pid_t pid = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), pid).ec != std::errc()) continue;
    auto line = ReadFile(entry->path() / "cmdline");
    if (!line.ok()) continue;
    std::replace(line->begin(), line->end(), '\0', ' ');
    if (line->starts_with(command)) found.push_back(pid);
  }
  return found;
}

}  // namespace crossmill
