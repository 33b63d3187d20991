// Mounts of overlayfs and tmpfs. Every mount is undone by its owner.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace crossmill::worker {

// Unmounts when it dies. Move only.
class Mount {
 public:
  Mount() = default;
  explicit Mount(std::string target) : target_(std::move(target)) {}
  Mount(Mount&& other) noexcept : target_(std::exchange(other.target_, {})) {}
  Mount& operator=(Mount&& other) noexcept;
  ~Mount() { (void)Unmount(); }
  bool mounted() const { return !target_.empty(); }
  // UNAVAILABLE if something still uses it (it is then detached: nobody can open it any more).
  absl::Status Unmount();

 private:
  std::string target_;
};

struct OverlaySpec {
  // Everything below is relative to it, because the kernel takes at most a page of options.
  std::string folder;
  // Top first; at least one, two without an upper.
  std::vector<std::string> lowers;
  // Empty: read-only.
  std::string upper;
  std::string work;
  // Absolute.
  std::string target;
};

// With userxattr (without it, unprivileged, removing a lower directory fails with EIO), metacopy,
// redirect_dir and index off (redirect_dir=off would still follow, which userxattr forbids). Thread safe.
// RESOURCE_EXHAUSTED if the names do not fit.
absl::StatusOr<Mount> MountOverlay(const OverlaySpec& spec);

// A file system in memory over the folder `target`, without devices and setuid programs. `bytes` 0: the
// kernel's own limit, half of the memory. Thread safe.
absl::StatusOr<Mount> MountTmpfs(const std::string& target, mode_t mode, int64_t bytes);

// Detaches what is mounted below `folder` and at it: what a killed worker without a mount namespace of its
// own left behind.
void DetachMounts(const std::string& folder);

}  // namespace crossmill::worker
