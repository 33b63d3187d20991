#include "common/blobs/blob_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <utility>
#include <vector>

#include "common/base/files.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/blobs/parted_file.h"

namespace crossmill {
namespace {

constexpr std::string_view kParts = ".parts";

// What cannot be read is missing to whoever asks, and needs no parts.
std::vector<BlobPart> PartsIn(const std::string& path) {
  const auto fd = OpenFile(path, O_RDONLY);
  if (!fd.ok()) return {};
  return ReadPartList(fd->get()).value_or(std::vector<BlobPart>());
}

// Gone, or never there.
absl::Status RemoveFile(const std::string& path) {
  if (unlink(path.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  return ErrnoStatus(errno, "remove " + path);
}

int64_t AccessTime(const struct stat& info) {
  return int64_t{info.st_atim.tv_sec} * 1'000'000'000 + info.st_atim.tv_nsec;
}

void WriteUse(const std::string& folder, const BlobName& name, int64_t used_at) {
  const timespec times[2] = {{.tv_sec = used_at / 1'000'000'000, .tv_nsec = used_at % 1'000'000'000},
                             {.tv_sec = 0, .tv_nsec = UTIME_OMIT}};
  const std::string hash = HashOfName(name);
  for (const std::string& path : {BlobPath(folder, hash), BlobPartsPath(folder, hash)}) {
    if (utimensat(AT_FDCWD, path.c_str(), times, 0) != 0 && errno != ENOENT)
      LogDebug("the use of {} is not written down: {}", path, ErrnoStatus(errno, "utimensat").ToString());
  }
}

}  // namespace

std::string BlobPath(const std::string& folder, const std::string& hash) {
  return fmt::format("{}/blobs/{}/{}", folder, std::string_view(hash).substr(0, 2), hash);
}

std::string BlobPartsPath(const std::string& folder, const std::string& hash) {
  return BlobPath(folder, hash) + std::string(kParts);
}

absl::Status ScanBlobs(const std::string& folder, int shard, BlobUses& uses,
                       const std::function<void(const Digest&)>& found) {
  const std::string path = fmt::format("{}/blobs/{:02x}", folder, shard);
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(opendir(path.c_str()), closedir);
  if (entries == nullptr) return ErrnoStatus(errno, path);
  const int64_t now = absl::GetCurrentTimeNanos();
  while (const dirent* entry = readdir(entries.get())) {
    const std::string_view file = entry->d_name;
    const bool in_parts = file.ends_with(kParts);
    const std::string_view hash = in_parts ? file.substr(0, file.size() - kParts.size()) : file;
    if (!IsSha256Hex(hash)) continue;
    struct stat info {};
    // Moved aside since.
    if (fstatat(dirfd(entries.get()), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (!S_ISREG(info.st_mode)) continue;
    const int64_t written = AccessTime(info);
    // Uses of a process before may be newer than what it wrote, but none is to come.
    const int64_t used = std::max(written, std::min(now, written + BlobUses::kWriteAfter * 1'000'000'000));
    const std::vector<BlobPart> parts =
        in_parts ? PartsIn(fmt::format("{}/{}", path, file)) : std::vector<BlobPart>();
    uses.Put(NameOfHash(hash), in_parts ? BlobForm::kParts : BlobForm::kWhole, info.st_blocks, used,
             NamesOf(parts), written);
    if (found && (!in_parts || !parts.empty()))
      found({std::string(hash), in_parts ? SizeOf(parts) : info.st_size});
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> RemoveBlob(const std::string& folder, const BlobName& name, int64_t before,
                                BlobUses& uses) {
  if (!uses.BeginRemoval(name, before)) return false;
  const std::string hash = HashOfName(name);
  absl::Status removed = RemoveFile(BlobPartsPath(folder, hash));
  if (removed.ok()) removed = RemoveFile(BlobPath(folder, hash));
  uses.EndRemoval(name, removed.ok());
  RETURN_IF_ERROR(removed);
  return true;
}

bool TouchBlob(const std::string& folder, const BlobName& name, BlobUses& uses) {
  const int64_t now = absl::GetCurrentTimeNanos();
  const BlobUses::Touched touched = uses.Touch(name, now);
  if (touched.to_write) WriteUse(folder, name, now);
  return touched.known;
}

void NoteFile(const std::string& folder, const BlobName& name, BlobForm form, const struct stat& info,
              std::vector<BlobName> parts, BlobUses& uses) {
  // It counts as used before that is written: nobody removes it in between.
  uses.Put(name, form, info.st_blocks, absl::GetCurrentTimeNanos(), std::move(parts), AccessTime(info));
  (void)TouchBlob(folder, name, uses);
}

absl::StatusOr<std::string> PeekBlob(const std::string& folder, const std::string& hash, int64_t most) {
  const std::string path = BlobPath(folder, hash);
  struct stat info {};
  if (stat(path.c_str(), &info) == 0 && info.st_size > most)
    return absl::OutOfRangeError(fmt::format("blob {} has {} bytes", hash, info.st_size));
  ASSIGN_OR_RETURN(std::string bytes, ReadFile(path));
  if (Sha256Hex(bytes) != hash)
    return absl::DataLossError(fmt::format("the file of blob {} does not have its hash", hash));
  return bytes;
}

}  // namespace crossmill
