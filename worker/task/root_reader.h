// Reads small files of an image's root file system, trusting nothing in it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "common/base/files.h"

namespace crossmill::worker {

// Paths are relative to the root, without leading slash. No link is followed on the way: the paths that are
// asked for are real paths, so a link on one was put there to mislead. Only regular files are read, and never
// one that blocks. What cannot be read is not there; there is no error. Thread safe.
class RootReader {
 public:
  explicit RootReader(const std::string& root);

  // Up to `limit` bytes from the front.
  std::optional<std::string> ReadFront(const std::string& path, size_t limit) const;
  // The whole of it, unless it is longer than `limit`.
  std::optional<std::string> ReadWhole(const std::string& path, size_t limit) const;
  bool IsFile(const std::string& path) const;
  bool IsFolder(const std::string& path) const;
  // Also of a link, wherever it leads.
  bool Exists(const std::string& path) const;
  // Names in a folder, sorted; at most `limit`.
  std::vector<std::string> List(const std::string& path, size_t limit) const;

 private:
  UniqueFd Open(const std::string& path, int flags) const;

  UniqueFd root_;
};

}  // namespace crossmill::worker
