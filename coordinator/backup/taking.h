// Takes a backup of a data folder, while its coordinator runs or not.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "coordinator/backup/backup_manifest.h"
#include "coordinator/backup/file_copies.h"
#include "coordinator/backup/stored_blobs.h"

namespace crossmill::backup {

struct TakeOptions {
  std::string data_folder;
  // Where backups are kept; made if it is not there.
  std::string backup_folder;
  // Complete backups that stay, the new one included; 1 at least.
  int keep = 2;
  // What only the bucket behind the disk has is named and not copied: the backup is as good as the bucket
  // then, and whatever the farm or a policy removes from that is gone for the backup, too.
  bool refer_to_bucket = false;
  // Also reads again what was backed up before, and copies again what is damaged there.
  bool verify = false;
  // Of a second, for reading and thereby for writing.
  Pace pace;
  // Progress, a line for people.
  std::function<void(std::string_view)> tell;
  // What makes all that was written below a folder durable.
  std::function<absl::Status(const std::string&)> sync = SyncFileSystem;
};

struct TakenBackup {
  Moment moment;
  BackupManifest manifest;
  // Blobs and files that were not in the folder before, their bytes, and files removed with backups that
  // went.
  int64_t copied = 0, copied_bytes = 0, removed = 0;
  // With `verify`: blobs that were damaged in the folder and were copied again.
  int64_t mended = 0;
};

// FAILED_PRECONDITION: another schema, no record, somebody else writes there. UNAVAILABLE:
// a bucket has blobs alone and does not answer. DATA_LOSS: an image cannot be
// backed up whole; names it. Whatever it returns, and if the process dies, the folder has the backups that it
// had.
absl::StatusOr<TakenBackup> TakeBackup(const TakeOptions& options, Clock& clock);

}  // namespace crossmill::backup
