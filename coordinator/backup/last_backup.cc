#include "coordinator/backup/last_backup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "common/base/files.h"
#include "common/base/json.h"
#include "common/base/status.h"
#include "coordinator/account/data_folder.h"

namespace crossmill::backup {
namespace {

constexpr int64_t kMostNote = 4096;

std::string NotePath(const std::string& data_folder) { return data_folder + "/last-backup.json"; }

// Whoever takes the backup may be root, and the folder another user's, who can put links there: only root's
// own file that has no other name is given.
absl::Status GiveToOwner(const std::string& data_folder) {
  if (geteuid() != 0) return absl::OkStatus();
  const std::string path = NotePath(data_folder);
  ASSIGN_OR_RETURN(const coordinator::Account owner, coordinator::OwnerOfData(data_folder));
  ASSIGN_OR_RETURN(const UniqueFd note, OpenFile(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  struct stat info;
  if (fstat(note.get(), &info) != 0) return ErrnoStatus(errno, path);
  if (!S_ISREG(info.st_mode) || info.st_uid != 0 || info.st_nlink != 1)
    return absl::FailedPreconditionError(fmt::format("{} was replaced", path));
  if (fchown(note.get(), owner.uid, owner.gid) != 0) return ErrnoStatus(errno, path);
  return absl::OkStatus();
}

}  // namespace

absl::Status NoteLastBackup(const std::string& data_folder, const BackupManifest& manifest) {
  const Json note = {{"taken_at", manifest.taken_at}, {"program", manifest.program}};
  RETURN_IF_ERROR(WriteFileAtomic(NotePath(data_folder), WriteJson(note) + "\n", 0644));
  return GiveToOwner(data_folder);
}

int64_t LastBackupAt(const std::string& data_folder) {
  const auto text = ReadFile(NotePath(data_folder), kMostNote);
  if (!text.ok()) return 0;
  const auto note = ParseJson(*text);
  if (!note.ok() || !note->is_object() || !note->contains("taken_at")) return 0;
  const Json& at = (*note)["taken_at"];
  return at.is_number_integer() ? at.get<int64_t>() : 0;
}

}  // namespace crossmill::backup
