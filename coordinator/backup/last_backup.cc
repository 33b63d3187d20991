#include "coordinator/backup/last_backup.h"

#include "common/base/files.h"
#include "common/base/json.h"
#include "common/base/status.h"

namespace crossmill::backup {
namespace {

constexpr int64_t kMostNote = 4096;

std::string NotePath(const std::string& data_folder) { return data_folder + "/last-backup.json"; }

}  // namespace

absl::Status NoteLastBackup(const std::string& data_folder, const BackupManifest& manifest) {
  const Json note = {{"taken_at", manifest.taken_at}, {"program", manifest.program}};
  // Whoever takes the backup may be root; its coordinator reads it.
  return WriteFileAtomic(NotePath(data_folder), WriteJson(note) + "\n", 0644);
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
