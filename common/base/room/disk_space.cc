#include "common/base/room/disk_space.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>

#include "common/base/status.h"

namespace crossmill {
namespace {

constexpr uint64_t kUsualLeast = 1'000'000'000;
// Whatever floor somebody chose: below this hardly anything can be written.
constexpr uint64_t kNothing = 1'000'000;
constexpr uint64_t kLeastFiles = 10'000;
// As kNothing.
constexpr uint64_t kNoFiles = 10;

std::string WhyBelow(const DiskSpace& space, uint64_t bytes, uint64_t files) {
  if (space.free < bytes)
    return fmt::format("the worker's disk had {:.1f} MB left", static_cast<double>(space.free) / 1e6);
  if (space.files_total != 0 && space.files_free < files)
    return fmt::format("the worker's disk had room for {} files only", space.files_free);
  return "";
}

}  // namespace

std::string SpaceInWords(uint64_t bytes) {
  return bytes < 1'000'000'000 ? fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6)
                               : fmt::format("{:.2f} GB", static_cast<double>(bytes) / 1e9);
}

absl::StatusOr<DiskSpace> SpaceOf(const std::string& folder) {
  struct statvfs state {};
  if (statvfs(folder.c_str(), &state) != 0) return ErrnoStatus(errno, folder);
  DiskSpace space;
  space.total = static_cast<uint64_t>(state.f_blocks) * state.f_frsize;
  space.files_free = state.f_favail;
  space.files_total = state.f_files;
  space.free = static_cast<uint64_t>(state.f_bavail) * state.f_frsize;
  return space;
}

uint64_t UsableSpace(const DiskSpace& space) {
  const bool full_of_files = space.files_total != 0 && space.files_free < UsualLeastFiles(space);
  return full_of_files ? 0 : space.free;
}

uint64_t UsualLeastSpace(const DiskSpace& space) { return std::min(kUsualLeast, space.total / 20); }

std::string WhyFull(const absl::StatusOr<DiskSpace>& space, uint64_t least) {
  if (!space.ok()) return "";
  return WhyBelow(*space, std::max(kNothing, least == 0 ? UsualLeastSpace(*space) : least),
                  UsualLeastFiles(*space));
}

std::string WhyNothingFits(const absl::StatusOr<DiskSpace>& space) {
  return space.ok() ? WhyBelow(*space, kNothing, kNoFiles) : "";
}

uint64_t UsualLeastFiles(const DiskSpace& space) { return std::min(kLeastFiles, space.files_total / 20); }

}  // namespace crossmill
