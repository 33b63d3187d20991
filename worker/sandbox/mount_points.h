// The places in a step's root where the sandbox mounts something. They are made before the runtime
// would make them, so that every runtime leaves the same root, and taken away afterwards together with
// the trace they left in their folders' times. That is what BuildKit does since 0.11 for every mount (the one
// in Docker 20.10 and before leaves folders, but no files).
#pragma once

#include <sys/stat.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace crossmill::worker {

// Where a mount goes, seen from outside the step.
struct MountPoint {
  // It was there before.
  bool existed = false;
  // Its permission bits if it was.
  mode_t mode = 0;
};

// Not thread safe. Nothing else may change the root and the sources of mounts during Add and Remove.
class MountPoints {
 public:
  explicit MountPoints(std::string root) : root_(std::move(root)) {}

  // Makes sure that `path` (absolute inside the root) exists as a folder or as something else. Symbolic
  // links are followed inside the root, also to what does not exist yet. What was added before counts as
  // mounted: a path below such a mount is looked for in `source`, a path on this machine. With an empty
  // source it is the runtime's own file system, in which it makes mount points itself. FAILED_PRECONDITION if
  // what is there cannot be mounted over, naming it.
  absl::StatusOr<MountPoint> Add(std::string_view path, bool folder, const std::string& source = "");

  // Paths that Add made in the root itself, relative to it, parents first.
  const std::vector<std::string>& made() const { return made_in_root_; }

  // Removes what Add made where it is still empty, last first. Folders get their times back.
  void Remove();

 private:
  absl::Status Make(const std::string& parent, const std::string& path, bool folder);

  const std::string root_;
  // Path in the step (without links) to what is mounted there.
  std::map<std::string, std::string> mounts_;
  std::vector<std::string> made_;
  std::vector<std::string> made_in_root_;
};

}  // namespace crossmill::worker
