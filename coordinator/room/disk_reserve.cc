#include "coordinator/room/disk_reserve.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "common/base/files.h"
#include "common/base/status.h"

namespace crossmill::coordinator {
namespace {

// Where blocks cannot be asked for. Not holes, and nothing that a file system compresses away would help, but
// such a one has fallocate.
absl::Status WriteZeros(int fd, uint64_t bytes) {
  const std::string zeros(1 << 20, '\0');
  while (bytes > 0) {
    const size_t count = static_cast<size_t>(std::min<uint64_t>(bytes, zeros.size()));
    RETURN_IF_ERROR(WriteAll(fd, std::string_view(zeros).substr(0, count)));
    bytes -= count;
  }
  return absl::OkStatus();
}

absl::Status Allocate(int fd, uint64_t bytes) {
  int result;
  do {
    result = fallocate(fd, 0, 0, static_cast<off_t>(bytes));
  } while (result != 0 && errno == EINTR);
  if (result == 0) return absl::OkStatus();
  return errno == EOPNOTSUPP ? WriteZeros(fd, bytes) : ErrnoStatus(errno, "taking room");
}

}  // namespace

DiskReserve::DiskReserve(std::string folder, uint64_t bytes, uint64_t files)
    : folder_(std::move(folder)), bytes_(bytes), files_(files) {}

std::string DiskReserve::FileName(uint64_t number) const {
  return fmt::format("{}/file-{}", folder_, number);
}

absl::Status DiskReserve::Make() {
  MutexLock lock(mutex_);
  if (held_) return absl::OkStatus();
  const absl::Status taken = Annotate(Take(), folder_);
  if (!taken.ok()) {
    Drop();
    return taken;
  }
  held_ = true;
  return absl::OkStatus();
}

absl::Status DiskReserve::Take() {
  RETURN_IF_ERROR(MakeFolders(folder_, 0700));
  const std::string path = folder_ + "/bytes";
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path, O_RDWR | O_CREAT, 0600));
  struct stat info {};
  if (fstat(fd.get(), &info) != 0) return ErrnoStatus(errno, path);
  // Blocks of 512 bytes, whatever the file system's own are.
  if (static_cast<uint64_t>(info.st_blocks) * 512 < bytes_) RETURN_IF_ERROR(Allocate(fd.get(), bytes_));
  for (uint64_t number = 0; number < files_; ++number)
    RETURN_IF_ERROR(OpenFile(FileName(number), O_RDWR | O_CREAT, 0600).status());
  return absl::OkStatus();
}

bool DiskReserve::Release() {
  MutexLock lock(mutex_);
  held_ = false;
  return Drop();
}

bool DiskReserve::Drop() {
  bool any = unlink((folder_ + "/bytes").c_str()) == 0;
  for (uint64_t number = 0; number < files_; ++number) any = unlink(FileName(number).c_str()) == 0 || any;
  return any;
}

}  // namespace crossmill::coordinator
