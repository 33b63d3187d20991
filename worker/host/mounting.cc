#include "worker/host/mounting.h"

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <sstream>
#include <thread>

#include "common/base/files.h"
#include "common/base/status.h"

namespace crossmill::worker {
namespace {

// Runs mount(2) with `folder` as working directory: on a thread of its own, which has first left the
// process's shared one.
int MountFrom(const std::string& folder, const std::string& target, unsigned long flags,
              const std::string& options) {
  int error = 0;
  std::jthread([&] {
    if (unshare(CLONE_FS) != 0 || chdir(folder.c_str()) != 0 ||
        mount("overlay", target.c_str(), "overlay", flags, options.c_str()) != 0) {
      error = errno;
    }
  }).join();
  return error;
}

}  // namespace

Mount& Mount::operator=(Mount&& other) noexcept {
  if (this != &other) {
    (void)Unmount();
    target_ = std::exchange(other.target_, {});
  }
  return *this;
}

absl::Status Mount::Unmount() {
  if (target_.empty()) return absl::OkStatus();
  const std::string target = std::exchange(target_, {});
  // Remains of a killed step let go within moments.
  for (int attempt = 0; attempt < 50; ++attempt) {
    if (umount2(target.c_str(), UMOUNT_NOFOLLOW) == 0) return absl::OkStatus();
    if (errno != EBUSY) return ErrnoStatus(errno, fmt::format("unmounting {}", target));
    usleep(20'000);
  }
  (void)umount2(target.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
  return absl::UnavailableError(fmt::format("{} is still in use", target));
}

absl::StatusOr<Mount> MountOverlay(const OverlaySpec& spec) {
  std::string options = "userxattr,volatile,metacopy=off,redirect_dir=nofollow,index=off,lowerdir=";
  for (size_t i = 0; i < spec.lowers.size(); ++i) {
    if (i > 0) options += ':';
    options += spec.lowers[i];
  }
  if (!spec.upper.empty()) options += fmt::format(",upperdir={},workdir={}", spec.upper, spec.work);
  if (options.size() >= static_cast<size_t>(sysconf(_SC_PAGESIZE))) {
    return absl::ResourceExhaustedError(fmt::format("{} layers are too many to mount", spec.lowers.size()));
  }
  const unsigned long flags = MS_NODEV | (spec.upper.empty() ? MS_RDONLY : 0);
  const int error = MountFrom(spec.folder, spec.target, flags, options);
  if (error != 0) {
    return ErrnoStatus(
        error, fmt::format("mounting an overlay of {} layers at {}", spec.lowers.size(), spec.target));
  }
  return Mount(spec.target);
}

absl::StatusOr<Mount> MountTmpfs(const std::string& target, mode_t mode, int64_t bytes) {
  std::string options = fmt::format("mode={:o}", mode);
  if (bytes > 0) options += fmt::format(",size={}", bytes);
  if (mount("tmpfs", target.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, options.c_str()) != 0) {
    return ErrnoStatus(errno, fmt::format("mounting a tmpfs at {}", target));
  }
  return Mount(target);
}

void DetachMounts(const std::string& folder) {
  const auto table = ReadFile("/proc/self/mountinfo", 64 << 20);
  std::istringstream lines(table.value_or(""));
  std::vector<std::string> targets;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string target;
    // ID, parent, device, root, mount point. Our own folders have no blanks or other escaped characters.
    for (int i = 0; i < 5; ++i) words >> target;
    if (target == folder || target.starts_with(folder + "/")) targets.push_back(std::move(target));
  }
  for (auto target = targets.rbegin(); target != targets.rend(); ++target) {
    (void)umount2(target->c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
  }
}

}  // namespace crossmill::worker
