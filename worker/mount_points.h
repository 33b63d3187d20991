// The places in a step's root where the sandbox mounts something. They are made before the runtime
// would make them, so that every runtime leaves the same root, and taken away afterwards together with
// the trace they left in their folders' times.
#pragma once

#include <sys/stat.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace crossmill::worker {

// Not thread safe. Nothing else may change the root during Add and Remove.
class MountPoints {
 public:
  explicit MountPoints(std::string root) : root_(std::move(root)) {}

  // Makes sure that `path` (absolute inside the root) exists as a folder or as something else. Symbolic
  // links are followed inside the root, also to what does not exist yet. FAILED_PRECONDITION if what is
  // there cannot be mounted over, naming it.
  absl::Status Add(std::string_view path, bool folder);

  // What Add made, relative to the root, parents first.
  const std::vector<std::string>& made() const { return made_; }

  // Removes what Add made where it is still empty, last first. Folders get their times back.
  void Remove();

 private:
  absl::Status Make(const std::string& parent, const std::string& path, bool folder);

  const std::string root_;
  std::vector<std::string> made_;
};

}  // namespace crossmill::worker
