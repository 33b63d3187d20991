// Globs that people give for paths of an image.
#pragma once

#include <fnmatch.h>

#include <string>

namespace crossmill::compare {

// `path` has no leading slash; the glob may have one. "*" also stands for slashes.
inline bool MatchesPathGlob(const std::string& glob, const std::string& path) {
  return fnmatch(glob.c_str(), path.c_str(), 0) == 0 || fnmatch(glob.c_str(), ("/" + path).c_str(), 0) == 0;
}

}  // namespace crossmill::compare
