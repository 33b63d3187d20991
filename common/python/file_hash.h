// A digest that an index page, a requirements file or a lock file names for a file.
#pragma once

#include <string>

namespace crossmill::python {

struct FileHash {
  // "sha256"
  std::string algorithm;
  // Lower-case hexadecimal, as far as it was hexadecimal.
  std::string digest;
  friend bool operator==(const FileHash&, const FileHash&) = default;
};

}  // namespace crossmill::python
