// Files: descriptors that close themselves, whole-file reads, atomic durable writes, temporary folders.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace crossmill {

// Owns a file descriptor; -1 means none. Move only.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept;
  ~UniqueFd() { Reset(); }
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int Release() { return std::exchange(fd_, -1); }
  void Reset();

 private:
  int fd_ = -1;
};

// Opens with O_CLOEXEC added. The error names the path.
absl::StatusOr<UniqueFd> OpenFile(const std::string& path, int flags, mode_t mode = 0);

// A whole regular file. RESOURCE_EXHAUSTED beyond `limit` bytes.
absl::StatusOr<std::string> ReadFile(const std::string& path, int64_t limit = int64_t{1} << 31);
absl::StatusOr<std::string> ReadAll(int fd, int64_t limit = int64_t{1} << 31);

// All bytes, or an error; retries short writes and EINTR.
absl::Status WriteAll(int fd, std::string_view bytes);

// Fills `buffer` as far as the file goes; returns the count (short only at the end of the file).
absl::StatusOr<size_t> ReadSome(int fd, char* buffer, size_t size);
// The same from `offset` on, whatever the descriptor's own position.
absl::StatusOr<size_t> ReadAt(int fd, int64_t offset, char* buffer, size_t size);

// Creates or replaces `path`: other processes see the old or the new content, whole. With `durable`
// the file and its folder are synced first.
absl::Status WriteFileAtomic(const std::string& path, std::string_view bytes, mode_t mode = 0644,
                             bool durable = false);

// mkdir -p.
absl::Status MakeFolders(const std::string& path, mode_t mode = 0755);

// rm -rf, without following links and without leaving the file system's tree; a missing path is OK. However
// deep the tree is, it takes few descriptors and little stack. The first error, when all that can go is gone.
absl::Status RemoveTree(const std::string& path);

absl::Status SyncFolder(const std::string& path);
// syncfs tells of writes that failed: since Linux 5.8.
bool SyncfsTellsOfErrors();
bool Exists(const std::string& path);

// A folder that is removed, with what is in it, when the object dies.
class TemporaryFolder {
 public:
  // Below `parent`, or below $TMPDIR or /tmp when it is empty.
  static absl::StatusOr<TemporaryFolder> Create(const std::string& parent = "");
  TemporaryFolder(TemporaryFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryFolder& operator=(TemporaryFolder&& other) noexcept;
  ~TemporaryFolder();
  const std::string& path() const { return path_; }
  // "path()/name".
  std::string Path(std::string_view name) const;

 private:
  explicit TemporaryFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace crossmill
