// When a data folder was backed up last: noted in the folder itself, for those who ask its coordinator.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "coordinator/backup/backup_manifest.h"

namespace crossmill::backup {

// Of a backup that is complete. Replaces the note of the one before; it is whose the record is.
absl::Status NoteLastBackup(const std::string& data_folder, const BackupManifest& manifest);

// Unix time in nanoseconds at which the record was as the newest backup has it; 0: no backup is known, also
// where the note cannot be read.
int64_t LastBackupAt(const std::string& data_folder);

}  // namespace crossmill::backup
