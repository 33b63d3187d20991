// Puts a backup back into a data folder, from which a coordinator starts.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "coordinator/backup/backup_manifest.h"
#include "coordinator/backup/file_copies.h"
#include "coordinator/backup/stored_blobs.h"

namespace crossmill::backup {

struct RestoreOptions {
  std::string backup_folder;
  // Empty, not there, or left by a restore that did not come to its end.
  std::string data_folder;
  // Empty: the newest.
  std::string moment;
  // A data folder that has something is moved aside, once all of the backup is beside it: a restore that is
  // cut off leaves the farm that was there, or the one of the backup.
  bool force = false;
  // Blobs that are damaged in the backup are left out; else they end it.
  bool incomplete = false;
  Pace pace;
  std::function<void(std::string_view)> tell;
  std::function<absl::Status(const std::string&)> sync = SyncFileSystem;
};

struct RestoredFarm {
  Moment moment;
  BackupManifest manifest;
  // With `force`: where what was there is now.
  std::string moved_to;
  // The number above which each table's next ones are.
  std::map<std::string, int64_t> skipped_to;
  int64_t left_out = 0;
};

// Every byte is compared with its digest while it is copied. FAILED_PRECONDITION: no complete backup, another
// format or a newer schema, a data folder that is not empty, a coordinator that runs on it. DATA_LOSS: the
// backup is damaged, with what. A data folder whose restore did not come to its end is refused by the
// coordinator.
absl::StatusOr<RestoredFarm> RestoreBackup(const RestoreOptions& options, Clock& clock);

// FAILED_PRECONDITION: the data folder's restore did not come to its end.
absl::Status CheckRestored(const std::string& data_folder);

}  // namespace crossmill::backup
