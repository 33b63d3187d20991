#include "common/rpc/spool.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "common/base/status.h"

namespace crossmill::rpc {
namespace {

std::string FolderOrDefault(const std::string& folder) {
  if (!folder.empty()) return folder;
  const char* variable = std::getenv("TMPDIR");
  return variable != nullptr && *variable != '\0' ? variable : "/tmp";
}

}  // namespace

absl::Status Spool::OpenTemporary() {
  const std::string folder = FolderOrDefault(folder_);
  const int fd = open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0) {
    file_ = UniqueFd(fd);
    return absl::OkStatus();
  }
  // Not every file system knows O_TMPFILE.
  std::string path = folder + "/crossmill-spool-XXXXXX";
  file_ = UniqueFd(mkostemp(path.data(), O_CLOEXEC));
  if (!file_.valid()) return ErrnoStatus(errno, fmt::format("temporary file in {}", folder));
  unlink(path.c_str());
  return absl::OkStatus();
}

absl::Status Spool::Append(std::string_view bytes) {
  if (in_memory() && memory_.size() + bytes.size() <= memory_limit_) {
    memory_.append(bytes);
    size_ += static_cast<int64_t>(bytes.size());
    return absl::OkStatus();
  }
  if (in_memory()) {
    RETURN_IF_ERROR(OpenTemporary());
    if (absl::Status status = WriteAll(file_.get(), memory_); !status.ok()) {
      return Annotate(status, fmt::format("spooling an upload in {}", FolderOrDefault(folder_)));
    }
    memory_ = std::string();
  }
  if (absl::Status status = WriteAll(file_.get(), bytes); !status.ok()) {
    return Annotate(status, fmt::format("spooling an upload in {}", FolderOrDefault(folder_)));
  }
  size_ += static_cast<int64_t>(bytes.size());
  return absl::OkStatus();
}

absl::StatusOr<size_t> Spool::ReadAt(int64_t offset, char* buffer, size_t size) const {
  if (in_memory()) {
    if (offset >= static_cast<int64_t>(memory_.size())) return 0;
    return memory_.copy(buffer, size, static_cast<size_t>(offset));
  }
  size_t done = 0;
  while (done < size) {
    const ssize_t count = pread(file_.get(), buffer + done, size - done, offset + static_cast<int64_t>(done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoStatus(errno, "reading a spooled upload");
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  return done;
}

absl::StatusOr<std::string> Spool::TakeMemory() {
  if (!in_memory()) return absl::FailedPreconditionError("the spool is in a file");
  size_ = 0;
  return std::move(memory_);
}

}  // namespace crossmill::rpc
