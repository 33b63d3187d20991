#include "common/layer/spool.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "common/base/status.h"

namespace crossmill::layer {

absl::StatusOr<Spool> Spool::Create(const std::string& folder) {
  std::string place = folder;
  if (place.empty()) {
    const char* variable = std::getenv("TMPDIR");
    place = variable != nullptr && *variable != '\0' ? variable : "/var/tmp";
  }
  UniqueFd fd(open(place.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!fd.valid()) {
    // Some file systems (overlay on old kernels, network ones) have no files without a name.
    std::string path = place + "/.crossmill-spool-XXXXXX";
    fd = UniqueFd(mkostemp(path.data(), O_CLOEXEC));
    if (!fd.valid()) return ErrnoStatus(errno, "temporary file in " + place);
    unlink(path.c_str());
  }
  return Spool(std::move(fd));
}

absl::Status Spool::Append(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = pwrite(fd_.get(), bytes.data(), bytes.size(), size_);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoStatus(errno, "write a temporary file");
    bytes.remove_prefix(static_cast<size_t>(count));
    size_ += count;
  }
  return absl::OkStatus();
}

absl::StatusOr<size_t> Spool::ReadAt(int64_t offset, char* buffer, size_t size) const {
  while (true) {
    const ssize_t count = pread(fd_.get(), buffer, size, offset);
    if (count >= 0) return static_cast<size_t>(count);
    if (errno != EINTR) return ErrnoStatus(errno, "read a temporary file");
  }
}

Source Spool::Part(int64_t offset, int64_t size) const {
  return [this, offset, left = size](char* buffer, size_t room) mutable -> absl::StatusOr<size_t> {
    const size_t wanted = std::min<size_t>(room, static_cast<size_t>(left));
    if (wanted == 0) return size_t{0};
    ASSIGN_OR_RETURN(const size_t count, ReadAt(offset, buffer, wanted));
    if (count == 0) return absl::DataLossError("a temporary file is shorter than it was");
    offset += static_cast<int64_t>(count);
    left -= static_cast<int64_t>(count);
    return count;
  };
}

}  // namespace crossmill::layer
