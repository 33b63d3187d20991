#include "coordinator/backup/file_copies.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "common/base/file_digest.h"
#include "common/base/files.h"
#include "common/base/status.h"

namespace crossmill::backup {

void Rate::Spend(int64_t bytes) {
  if (bytes_per_second_ <= 0) return;
  const absl::Time now = now_();
  // What was not used is not saved up.
  if (paid_ < now) paid_ = now;
  paid_ += absl::Seconds(static_cast<double>(bytes) / static_cast<double>(bytes_per_second_));
  if (paid_ - now > absl::Milliseconds(10)) sleep_(paid_ - now);
}

absl::StatusOr<Digest> CopyBytes(
    const std::function<absl::Status(const std::function<absl::Status(std::string_view)>&)>& read,
    const std::string& staged, int mode, const Pace& pace,
    const std::function<absl::StatusOr<std::string>(const Digest&)>& name) {
  Sha256 hash;
  absl::StatusOr<std::string> path;
  Digest digest;
  // A rest of a process that was killed may be one that cannot be written to.
  if (unlink(staged.c_str()) != 0 && errno != ENOENT) return ErrnoStatus(errno, staged);
  {
    ASSIGN_OR_RETURN(const UniqueFd target,
                     OpenFile(staged, O_WRONLY | O_CREAT | O_TRUNC, static_cast<mode_t>(mode)));
    absl::Status copied = read([&](std::string_view piece) {
      hash.Update(piece);
      RETURN_IF_ERROR(WriteAll(target.get(), piece));
      return pace(static_cast<int64_t>(piece.size()));
    });
    // The mode is meant as it is, whatever the umask says.
    if (copied.ok() && fchmod(target.get(), static_cast<mode_t>(mode)) != 0)
      copied = ErrnoStatus(errno, staged);
    digest = hash.Finish();
    path = copied.ok() ? name(digest) : absl::StatusOr<std::string>(copied);
  }
  if (path.ok() && rename(staged.c_str(), path->c_str()) == 0) return digest;
  const absl::Status failed = path.ok() ? ErrnoStatus(errno, *path) : path.status();
  unlink(staged.c_str());
  return failed;
}

absl::StatusOr<Digest> CopyFile(const std::string& from, int64_t size, const std::string& staged, int mode,
                                const Pace& pace,
                                const std::function<absl::StatusOr<std::string>(const Digest&)>& name,
                                std::optional<uid_t> owner) {
  // A pipe would be waited for.
  ASSIGN_OR_RETURN(const UniqueFd source, OpenFile(from, O_RDONLY | O_NONBLOCK));
  struct stat info;
  if (fstat(source.get(), &info) != 0) return ErrnoStatus(errno, from);
  if (!S_ISREG(info.st_mode)) return absl::FailedPreconditionError(fmt::format("{} is no file", from));
  // Of what is open, so that nobody can put another in its place after that.
  if (owner && info.st_uid != *owner)
    return absl::FailedPreconditionError(
        fmt::format("{} is of user {}, not of {}", from, info.st_uid, *owner));
  const int64_t bytes = size < 0 ? static_cast<int64_t>(info.st_size) : size;
  return CopyBytes(
      [&](const std::function<absl::Status(std::string_view)>& take) {
        return Annotate(ReadPieces(source.get(), 0, bytes, take), from);
      },
      staged, mode, pace, name);
}

absl::StatusOr<Digest> HashWholeFile(const std::string& path, const Pace& pace) {
  ASSIGN_OR_RETURN(const UniqueFd file, OpenFile(path, O_RDONLY));
  struct stat info;
  if (fstat(file.get(), &info) != 0) return ErrnoStatus(errno, path);
  Sha256 hash;
  RETURN_IF_ERROR(ReadPieces(file.get(), 0, info.st_size, [&](std::string_view piece) {
    hash.Update(piece);
    return pace(static_cast<int64_t>(piece.size()));
  }));
  return hash.Finish();
}

absl::Status SyncFileSystem(const std::string& folder) {
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(folder, O_RDONLY | O_DIRECTORY));
  if (syncfs(fd.get()) != 0) return ErrnoStatus(errno, "sync " + folder);
  return absl::OkStatus();
}

}  // namespace crossmill::backup
