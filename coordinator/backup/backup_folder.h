// A folder of backups: one store of blobs that all of them share, and a folder for each with the record, its
// lists and its manifest. The file "current" names the complete ones, newest first, with the digest of each
// one's manifest; all that is not reachable from it is a rest of a backup that did not come to its end.
// docs/formats.md, "Backups".
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/files.h"
#include "coordinator/backup/backup_manifest.h"
#include "coordinator/backup/stored_blobs.h"

namespace crossmill::backup {

// A complete backup, read and compared with what names it.
struct ReadBackup {
  Moment moment;
  BackupManifest manifest;
  std::vector<KeptBlob> blobs;
  std::vector<KeptFile> files;
};

class BackupFolder {
 public:
  explicit BackupFolder(std::string folder) : folder_(std::move(folder)), blobs_(folder_) {}

  // Makes what is not there, waits for nobody: FAILED_PRECONDITION while another process writes there, or for
  // a folder with other things in it. Held as long as the descriptor lives.
  absl::StatusOr<UniqueFd> LockToWrite() const;

  const std::string& path() const { return folder_; }
  const StoredBlobs& blobs() const { return blobs_; }
  std::string MomentFolder(const std::string& name) const { return folder_ + "/moments/" + name; }
  std::string StagedPath() const { return folder_ + "/tmp/staged"; }

  // The complete ones, newest first; none: there is no pointer yet. DATA_LOSS: the pointer is damaged.
  absl::StatusOr<std::vector<Moment>> Complete() const;
  // DATA_LOSS says what does not have the digest that it should; FAILED_PRECONDITION: another format.
  absl::StatusOr<ReadBackup> Read(const Moment& moment) const;
  // From now on these are the complete ones. All that they need has been synced.
  absl::Status Point(const std::vector<Moment>& moments) const;
  // Removes the folders and blobs that no complete one has. Returns how many blobs.
  absl::StatusOr<int64_t> RemoveRest(const std::vector<Moment>& complete) const;

 private:
  const std::string folder_;
  const StoredBlobs blobs_;
};

}  // namespace crossmill::backup
