// Files whose whole path is longer than the kernel takes (4,095 bytes): a path that is fine in an image gets
// longer by the folder of the worker that the image lies in.
#pragma once

#include <string>

#include "common/base/files.h"

namespace crossmill::worker {

// A text that leads to `path` and is short enough for any call, while this object lives. Paths of usual
// length are themselves. What is missing on the way gives the same errno as ever.
class ReachablePath {
 public:
  explicit ReachablePath(const std::string& path);
  const char* c_str() const { return text_.c_str(); }
  const std::string& text() const { return text_; }

 private:
  UniqueFd folder_;
  std::string text_;
};

}  // namespace crossmill::worker
