// Files copied and hashed in one pass, at a bounded rate.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/digest.h"
#include "coordinator/backup/stored_blobs.h"

namespace crossmill::backup {

// Sleeps so that no more than so many bytes a second are read, so that builds have the disk, too. 0: no
// bound. Not thread safe.
class Rate {
 public:
  Rate(int64_t bytes_per_second, std::function<absl::Time()> now, std::function<void(absl::Duration)> sleep)
      : bytes_per_second_(bytes_per_second), now_(std::move(now)), sleep_(std::move(sleep)) {}
  void Spend(int64_t bytes);

 private:
  const int64_t bytes_per_second_;
  const std::function<absl::Time()> now_;
  const std::function<void(absl::Duration)> sleep_;
  // When what was spent so far is paid.
  absl::Time paid_ = absl::InfinitePast();
};

// The first `size` bytes of a file (all: -1) into a new one, which is there whole or not at all, under a name
// that `name` says by the digest; an error of it leaves nothing. `staged` is a path on the same file system
// that nobody else uses. Not synced: whoever copies many syncs once. NOT_FOUND: there is no such file.
// FAILED_PRECONDITION: it is no file but a pipe, say, or shorter, or another user's than `owner`: root copies
// what others can replace with links to anything.
absl::StatusOr<Digest> CopyFile(const std::string& from, int64_t size, const std::string& staged, int mode,
                                const Pace& pace,
                                const std::function<absl::StatusOr<std::string>(const Digest&)>& name,
                                std::optional<uid_t> owner = std::nullopt);

// Likewise of bytes that `read` gives to who it is told.
absl::StatusOr<Digest> CopyBytes(
    const std::function<absl::Status(const std::function<absl::Status(std::string_view)>&)>& read,
    const std::string& staged, int mode, const Pace& pace,
    const std::function<absl::StatusOr<std::string>(const Digest&)>& name);

absl::StatusOr<Digest> HashWholeFile(const std::string& path, const Pace& pace);

// All that was written on the file system that `folder` is on.
absl::Status SyncFileSystem(const std::string& folder);

}  // namespace crossmill::backup
