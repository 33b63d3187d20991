#include "common/base/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "common/base/status.h"

namespace crossmill {
namespace {

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Calls `read_from` with the bytes that are there already until there are `size` of them, or no more come.
template <typename ReadFrom>
absl::StatusOr<size_t> FillWith(ReadFrom read_from, size_t size) {
  size_t done = 0;
  while (done < size) {
    const ssize_t count = read_from(done);
    if (count < 0) {
      if (errno == EINTR) continue;
      return ErrnoStatus(errno, "read");
    }
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  return done;
}

}  // namespace

UniqueFd& UniqueFd::operator=(UniqueFd&& other) noexcept {
  if (this != &other) {
    Reset();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

void UniqueFd::Reset() {
  if (fd_ >= 0) close(std::exchange(fd_, -1));
}

absl::StatusOr<UniqueFd> OpenFile(const std::string& path, int flags, mode_t mode) {
  const int fd = open(path.c_str(), flags | O_CLOEXEC, mode);
  if (fd < 0) return ErrnoStatus(errno, path);
  return UniqueFd(fd);
}

absl::StatusOr<size_t> ReadSome(int fd, char* buffer, size_t size) {
  return FillWith([&](size_t done) { return read(fd, buffer + done, size - done); }, size);
}

absl::StatusOr<size_t> ReadAt(int fd, int64_t offset, char* buffer, size_t size) {
  return FillWith(
      [&](size_t done) { return pread(fd, buffer + done, size - done, offset + static_cast<int64_t>(done)); },
      size);
}

absl::StatusOr<std::string> ReadAll(int fd, int64_t limit) {
  std::string content;
  struct stat info;
  if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size <= limit) {
    content.reserve(static_cast<size_t>(info.st_size) + 1);
  }
  std::string buffer(1 << 16, '\0');
  while (true) {
    ASSIGN_OR_RETURN(const size_t count, ReadSome(fd, buffer.data(), buffer.size()));
    content.append(buffer, 0, count);
    if (static_cast<int64_t>(content.size()) > limit) {
      return absl::ResourceExhaustedError(fmt::format("more than {} bytes", limit));
    }
    if (count < buffer.size()) return content;
  }
}

absl::StatusOr<std::string> ReadFile(const std::string& path, int64_t limit) {
  ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(path, O_RDONLY));
  auto content = ReadAll(fd.get(), limit);
  if (!content.ok()) return Annotate(content.status(), path);
  return content;
}

absl::Status WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = write(fd, bytes.data(), bytes.size());
    if (count < 0) {
      if (errno == EINTR) continue;
      return ErrnoStatus(errno, "write");
    }
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return absl::OkStatus();
}

absl::Status WriteFileAtomic(const std::string& path, std::string_view bytes, mode_t mode, bool durable) {
  std::string temporary = path + ".XXXXXX";
  UniqueFd fd(mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus(errno, temporary);
  absl::Status status = WriteAll(fd.get(), bytes);
  if (status.ok() && fchmod(fd.get(), mode) != 0) status = ErrnoStatus(errno, "fchmod");
  if (status.ok() && durable && fsync(fd.get()) != 0) status = ErrnoStatus(errno, "fsync");
  if (status.ok() && rename(temporary.c_str(), path.c_str()) != 0) status = ErrnoStatus(errno, "rename");
  if (!status.ok()) {
    unlink(temporary.c_str());
    return Annotate(status, path);
  }
  return durable ? SyncFolder(FolderOf(path)) : absl::OkStatus();
}

absl::Status MakeFolders(const std::string& path, mode_t mode) {
  if (mkdir(path.c_str(), mode) == 0) return absl::OkStatus();
  if (errno == EEXIST) {
    struct stat info;
    if (stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return absl::OkStatus();
    return ErrnoStatus(ENOTDIR, path);
  }
  if (errno != ENOENT) return ErrnoStatus(errno, path);
  RETURN_IF_ERROR(MakeFolders(FolderOf(path), mode));
  if (mkdir(path.c_str(), mode) != 0 && errno != EEXIST) return ErrnoStatus(errno, path);
  return absl::OkStatus();
}

bool SyncfsTellsOfErrors() {
  static const bool tells = [] {
    utsname name;
    int major = 0, minor = 0;
    return uname(&name) == 0 && sscanf(name.release, "%d.%d", &major, &minor) == 2 &&
           (major > 5 || (major == 5 && minor >= 8));
  }();
  return tells;
}

absl::Status SyncFolder(const std::string& path) {
  ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(path, O_RDONLY | O_DIRECTORY));
  if (fsync(fd.get()) != 0) return ErrnoStatus(errno, path);
  return absl::OkStatus();
}

bool Exists(const std::string& path) {
  struct stat info;
  return lstat(path.c_str(), &info) == 0;
}

absl::StatusOr<TemporaryFolder> TemporaryFolder::Create(const std::string& parent) {
  std::string base = parent;
  if (base.empty()) {
    const char* variable = std::getenv("TMPDIR");
    base = variable != nullptr && *variable != '\0' ? variable : "/tmp";
  }
  std::string path = base + "/crossmill-XXXXXX";
  if (mkdtemp(path.data()) == nullptr) return ErrnoStatus(errno, path);
  return TemporaryFolder(std::move(path));
}

TemporaryFolder& TemporaryFolder::operator=(TemporaryFolder&& other) noexcept {
  std::swap(path_, other.path_);
  return *this;
}

TemporaryFolder::~TemporaryFolder() {
  // Best effort: there is nobody left to tell.
  if (!path_.empty()) RemoveTree(path_).IgnoreError();
}

std::string TemporaryFolder::Path(std::string_view name) const { return fmt::format("{}/{}", path_, name); }

}  // namespace crossmill
