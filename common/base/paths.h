// Paths as text.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace crossmill {

// What the kernel takes as one path, in bytes.
inline constexpr size_t kLongestPath = 4095;

// "folder/name". Either may be empty (the root of relative paths), then it is the other one.
inline std::string JoinPath(std::string_view folder, std::string_view name) {
  if (folder.empty()) return std::string(name);
  if (name.empty()) return std::string(folder);
  std::string path;
  path.reserve(folder.size() + 1 + name.size());
  path.append(folder).append(1, '/').append(name);
  return path;
}

// What stands behind the last slash; all of it where there is none.
inline std::string_view LastName(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// `path` is `folder` or below it; all is below the empty one.
inline bool IsAtOrBelow(std::string_view path, std::string_view folder) {
  return folder.empty() || path == folder || (path.starts_with(folder) && path[folder.size()] == '/');
}

// The names from `from` on, with slashes between them.
inline std::string JoinNames(const std::vector<std::string>& names, size_t from = 0) {
  std::string path;
  for (size_t i = from; i < names.size(); ++i) path = JoinPath(path, names[i]);
  return path;
}

}  // namespace crossmill
