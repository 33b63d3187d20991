// Modes as --chmod takes them.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace crossmill::worker {

// "755", "u=rwX,go=rX", "a+x,o-w": what chmod(1) takes, with umask 0.
class FileMode {
 public:
  // INVALID_ARGUMENT says what was expected.
  static absl::StatusOr<FileMode> Parse(std::string_view text);
  // Mode of a file that had `mode` before.
  uint32_t Apply(uint32_t mode, bool is_folder) const;
  // Of folders that COPY makes on the way: an octal mode's permission bits, 0755 with a symbolic one.
  uint32_t OfMadeFolders() const { return octal_ ? value_ & 0777 : 0755; }

 private:
  struct Clause {
    // Of u 0700, g 0070, o 0007.
    uint32_t who = 0;
    char action = '=';
    // rwx as 4, 2, 1; and X, s, t.
    uint32_t bits = 0;
    bool conditional_execute = false;
    bool set_id = false;
    bool sticky = false;
    // 'u', 'g', 'o': copy that class's bits; 0: none.
    char copy = 0;
  };
  absl::StatusOr<const char*> ParseActions(const char* at, const char* end, uint32_t who);

  bool octal_ = false;
  uint32_t value_ = 0;
  std::vector<Clause> clauses_;
};

}  // namespace crossmill::worker
