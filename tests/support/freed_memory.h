// Finds secrets that were not wiped: a planted text in memory that goes back to the allocator.
#pragma once

#include <string_view>

namespace crossmill {

// Looks at every block that `delete` gives back while it lives, on any thread. One at a time; the text has at
// most 64 bytes. The test itself keeps it in static memory only. Of a secret look for the text behind its
// first byte: a short std::string that has been moved from has lost that one and kept the rest.
class FreedMemory {
 public:
  explicit FreedMemory(std::string_view planted);
  ~FreedMemory();
  FreedMemory(const FreedMemory&) = delete;
  FreedMemory& operator=(const FreedMemory&) = delete;

  // Blocks so far that held the text.
  int found() const;
};

}  // namespace crossmill
