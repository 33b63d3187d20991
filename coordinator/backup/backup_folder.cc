#include "coordinator/backup/backup_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <set>

#include "common/base/status.h"

namespace crossmill::backup {
namespace {

namespace fs = std::filesystem;

absl::StatusOr<std::string> ReadVerified(const std::string& path, const Digest& digest,
                                         std::string_view what) {
  absl::StatusOr<std::string> text = ReadFile(path, int64_t{16} << 30);
  if (absl::IsNotFound(text.status()))
    return absl::DataLossError(fmt::format("{} is missing: {}", what, path));
  RETURN_IF_ERROR(text.status());
  if (DigestOf(*text) != digest)
    return absl::DataLossError(fmt::format("{} is damaged: {} does not have its digest", what, path));
  return text;
}

// Names in a folder; none where there is no such folder.
absl::StatusOr<std::vector<std::string>> NamesIn(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    names.push_back(it->path().filename().string());
  if (error && error != std::errc::no_such_file_or_directory) return ErrnoStatus(error.value(), folder);
  return names;
}

}  // namespace

absl::StatusOr<UniqueFd> BackupFolder::LockToWrite() const {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(folder_));
  const std::set<std::string> own = {"lock", "current", "blobs", "moments", "tmp", "lost+found"};
  for (const std::string& name : names) {
    if (!own.contains(name) && !name.starts_with("current.")) {
      return absl::FailedPreconditionError(
          fmt::format("{} has other things in it ({}): give a folder of its own", folder_, name));
    }
  }
  for (const char* name : {"", "/blobs", "/moments", "/tmp"})
    RETURN_IF_ERROR(MakeFolders(folder_ + name, 0700));
  ASSIGN_OR_RETURN(UniqueFd lock, OpenFile(folder_ + "/lock", O_CREAT | O_RDWR, 0600));
  if (flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno != EWOULDBLOCK) return ErrnoStatus(errno, folder_ + "/lock");
  return absl::FailedPreconditionError(fmt::format("another process is writing a backup to {}", folder_));
}

absl::StatusOr<std::vector<Moment>> BackupFolder::Complete() const {
  absl::StatusOr<std::string> text = ReadFile(folder_ + "/current", 1 << 20);
  if (absl::IsNotFound(text.status())) return std::vector<Moment>();
  RETURN_IF_ERROR(text.status());
  auto moments = ParsePointer(*text);
  return moments.ok() ? moments : Annotate(moments.status(), folder_);
}

absl::StatusOr<ReadBackup> BackupFolder::Read(const Moment& moment) const {
  const std::string folder = MomentFolder(moment.name);
  ReadBackup read{.moment = moment, .manifest = {}, .blobs = {}, .files = {}};
  absl::StatusOr<std::string> manifest = ReadFile(folder + "/manifest.json", 1 << 20);
  if (absl::IsNotFound(manifest.status()))
    return absl::DataLossError(fmt::format("the backup's manifest is missing: {}/manifest.json", folder));
  RETURN_IF_ERROR(manifest.status());
  if (Sha256Hex(*manifest) != moment.manifest_hash)
    return absl::DataLossError(fmt::format("the backup's manifest is damaged: {}/manifest.json", folder));
  ASSIGN_OR_RETURN(read.manifest, ParseManifest(*manifest));
  ASSIGN_OR_RETURN(const std::string blobs, ReadVerified(folder + "/blobs.list", read.manifest.blob_list,
                                                         "the backup's list of blobs"));
  ASSIGN_OR_RETURN(read.blobs, ParseBlobList(blobs));
  ASSIGN_OR_RETURN(const std::string files, ReadVerified(folder + "/files.list", read.manifest.file_list,
                                                         "the backup's list of files"));
  ASSIGN_OR_RETURN(read.files, ParseFileList(files));
  return read;
}

absl::Status BackupFolder::Point(const std::vector<Moment>& moments) const {
  return WriteFileAtomic(folder_ + "/current", WritePointer(moments), 0600, true);
}

absl::StatusOr<int64_t> BackupFolder::RemoveRest(const std::vector<Moment>& complete) const {
  std::set<std::string> kept_folders;
  std::set<std::string> kept;
  for (const Moment& moment : complete) {
    kept_folders.insert(moment.name);
    ASSIGN_OR_RETURN(const ReadBackup read, Read(moment));
    for (const KeptBlob& blob : read.blobs)
      kept.insert(blob.parts_file.empty() ? blob.digest.hash : blob.digest.hash + ".parts");
    for (const KeptFile& file : read.files) kept.insert(file.bytes.hash);
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> folders, NamesIn(folder_ + "/moments"));
  for (const std::string& name : folders) {
    if (!kept_folders.contains(name)) RETURN_IF_ERROR(RemoveTree(MomentFolder(name)));
  }
  int64_t removed = 0;
  ASSIGN_OR_RETURN(const std::vector<std::string> shards, NamesIn(blobs_.folder()));
  for (const std::string& shard : shards) {
    const std::string folder = blobs_.folder() + "/" + shard;
    ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(folder));
    for (const std::string& name : names) {
      if (kept.contains(name)) continue;
      if (unlink((folder + "/" + name).c_str()) != 0) return ErrnoStatus(errno, folder + "/" + name);
      ++removed;
    }
  }
  return removed;
}

}  // namespace crossmill::backup
