#include "coordinator/backup/restoring.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "coordinator/account/data_folder.h"
#include "coordinator/backup/backup_folder.h"
#include "coordinator/backup/number_gap.h"
#include "coordinator/storage/backup/record_health.h"
#include "coordinator/storage/bucket/bucket_index.h"

namespace crossmill::backup {
namespace {

namespace fs = std::filesystem;

// In a data folder while it is filled.
constexpr std::string_view kMark = "restoring";

struct Owner {
  uid_t user = 0;
  gid_t group = 0;
  mode_t mode = 0755;
};

std::string WithoutEnd(std::string folder) {
  while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
  return folder;
}

// Such a folder cannot be renamed.
bool IsMountPoint(const std::string& folder) {
  struct statx info;
  return statx(AT_FDCWD, folder.c_str(), 0, 0, &info) == 0 &&
         (info.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

// A mark of a restore that was killed while it wrote it (WriteFileAtomic): never longer than a moment's name.
// Whatever else begins so is somebody's.
bool IsHalfOfMark(const fs::path& file) {
  constexpr off_t kLongestMark = 256;
  const std::string suffix = file.extension().string();
  struct stat info;
  return file.stem() == kMark && suffix.size() == 7 &&
         std::all_of(suffix.begin() + 1, suffix.end(), absl::ascii_isalnum) &&
         lstat(file.c_str(), &info) == 0 && S_ISREG(info.st_mode) && info.st_size <= kLongestMark &&
         (info.st_mode & 077) == 0;
}

// Of all but what a file system has by itself, and halves of marks.
absl::StatusOr<bool> IsEmpty(const std::string& folder) {
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->path().filename() != "lost+found" && !IsHalfOfMark(it->path())) return false;
  }
  if (error && error != std::errc::no_such_file_or_directory) return ErrnoStatus(error.value(), folder);
  return true;
}

absl::Status RemoveHalvesOfMarks(const std::string& folder) {
  std::error_code error;
  std::vector<std::string> halves;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (IsHalfOfMark(it->path())) halves.push_back(it->path().string());
  }
  if (error) return ErrnoStatus(error.value(), folder);
  for (const std::string& half : halves) {
    if (unlink(half.c_str()) != 0 && errno != ENOENT) return ErrnoStatus(errno, half);
  }
  return absl::OkStatus();
}

class Restoring {
 public:
  Restoring(const RestoreOptions& options, Clock& clock)
      : options_(options),
        clock_(clock),
        folder_(options.backup_folder),
        data_(WithoutEnd(options.data_folder)),
        target_(data_) {}

  absl::StatusOr<RestoredFarm> Run();

 private:
  absl::Status Choose();
  absl::Status ReadOwners();
  // Makes the folder that is filled empty and ours.
  absl::Status Prepare();
  // What is in the data folder stays there until all of the backup is beside it.
  absl::Status PrepareBeside();
  absl::StatusOr<UniqueFd> Lock(const std::string& folder) const;
  absl::Status RestoreBlobs();
  absl::Status RestoreBlob(const Digest& stored, const std::string& from, const std::string& to);
  absl::Status RestoreFiles();
  absl::Status RestoreRecord();
  absl::Status GiveToOwner() const;
  // A name for a data folder that is moved aside, which nothing has.
  std::string AsideName() const;
  // The folder that was filled takes the place of the data folder, which keeps all that it had.
  absl::Status TakeItsPlace();
  std::string In(std::string_view name) const { return fmt::format("{}/{}", target_, name); }

  const RestoreOptions& options_;
  Clock& clock_;
  const BackupFolder folder_;
  ReadBackup backup_;
  RestoredFarm restored_;
  const std::string data_;
  // What is filled: the data folder, or one beside it.
  std::string target_;
  // The data folder's, and of what is in it.
  Owner owner_;
  Owner contents_;
  // Nobody starts a coordinator on what is filled, nor on what is there meanwhile.
  UniqueFd lock_;
  UniqueFd data_lock_;
};

absl::Status Restoring::Choose() {
  ASSIGN_OR_RETURN(const std::vector<Moment> complete, folder_.Complete());
  if (complete.empty()) {
    return absl::FailedPreconditionError(fmt::format(
        "there is no complete backup in {}: no such folder, or its first backup did not come to its end",
        options_.backup_folder));
  }
  const auto found = options_.moment.empty()
                         ? complete.begin()
                         : std::find_if(complete.begin(), complete.end(),
                                        [&](const Moment& moment) { return moment.name == options_.moment; });
  if (found == complete.end()) {
    std::string names;
    for (const Moment& moment : complete) names += (names.empty() ? "" : ", ") + moment.name;
    return absl::NotFoundError(
        fmt::format("{} has no backup {}; it has {}", options_.backup_folder, options_.moment, names));
  }
  ASSIGN_OR_RETURN(backup_, folder_.Read(*found));
  if (backup_.manifest.schema > storage::KnownSchema()) {
    return absl::FailedPreconditionError(fmt::format(
        "the backup's record has schema version {}, this Crossmill ({}) knows versions up to {}: use "
        "Crossmill {}",
        backup_.manifest.schema, CROSSMILL_VERSION, storage::KnownSchema(), backup_.manifest.program));
  }
  restored_.moment = *found;
  restored_.manifest = backup_.manifest;
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> Restoring::Lock(const std::string& folder) const {
  RETURN_IF_ERROR(MakeFolders(folder + "/content", 0700));
  ASSIGN_OR_RETURN(UniqueFd lock, OpenFile(folder + "/content/lock", O_CREAT | O_RDWR | O_NOFOLLOW, 0600));
  if (flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  return absl::FailedPreconditionError(fmt::format("a coordinator runs on {}: stop it first", folder));
}

// Restored by root, but the coordinator runs as whoever has the folder, or what is in it (`crossmill up` of
// root's).
absl::Status Restoring::ReadOwners() {
  struct stat info;
  if (stat(data_.c_str(), &info) != 0) return absl::OkStatus();
  owner_ = {info.st_uid, info.st_gid, info.st_mode & 07777};
  contents_ = owner_;
  if (owner_.user != 0 || !Exists(data_ + "/record.db")) return absl::OkStatus();
  ASSIGN_OR_RETURN(const coordinator::Account account, coordinator::OwnerOfData(data_));
  contents_ = {account.uid, account.gid, 0};
  return absl::OkStatus();
}

std::string Restoring::AsideName() const {
  const std::string name = fmt::format("{}.before-restore-{}", data_,
                                       absl::FormatTime("%Y%m%dT%H%M%SZ", clock_.Now(), absl::UTCTimeZone()));
  std::string free = name;
  for (int number = 2; Exists(free); ++number) free = fmt::format("{}-{}", name, number);
  return free;
}

absl::Status Restoring::PrepareBeside() {
  if (IsMountPoint(data_)) {
    return absl::FailedPreconditionError(fmt::format(
        "{} is where a disk is mounted, so it cannot be moved aside: move what is in it by hand", data_));
  }
  if (Exists(data_ + "/content")) {
    ASSIGN_OR_RETURN(data_lock_, Lock(data_));
  }
  target_ = data_ + ".restoring";
  ASSIGN_OR_RETURN(const bool nothing_yet, IsEmpty(target_));
  if (nothing_yet || Exists(In(kMark))) return absl::OkStatus();
  // A restore that had taken the place of what was there came no further: that is what this is.
  const std::string aside = AsideName();
  if (rename(target_.c_str(), aside.c_str()) != 0) return ErrnoStatus(errno, target_);
  options_.tell(fmt::format("{} was left by an earlier restore, and is {} now", target_, aside));
  return absl::OkStatus();
}

absl::Status Restoring::Prepare() {
  RETURN_IF_ERROR(ReadOwners());
  ASSIGN_OR_RETURN(const bool empty, IsEmpty(data_));
  if (!empty && !Exists(In(kMark))) {
    if (!options_.force) {
      return absl::FailedPreconditionError(
          fmt::format("{} is not empty: give another folder, or --force to have it moved aside", data_));
    }
    RETURN_IF_ERROR(PrepareBeside());
  }
  const bool interrupted = Exists(In(kMark));
  RETURN_IF_ERROR(MakeFolders(target_));
  if (chmod(target_.c_str(), owner_.mode) != 0) return ErrnoStatus(errno, target_);
  // Before anything else, so that no coordinator takes a part of it for the whole.
  RETURN_IF_ERROR(WriteFileAtomic(In(kMark), fmt::format("{}\n", restored_.moment.name), 0600, true));
  ASSIGN_OR_RETURN(lock_, Lock(target_));
  RETURN_IF_ERROR(RemoveHalvesOfMarks(target_));
  if (!interrupted) return absl::OkStatus();
  // What came of it may be anything.
  for (const char* name : {"content/blobs", "content/tmp", "logs"}) RETURN_IF_ERROR(RemoveTree(In(name)));
  for (const char* name : {"record.db", "record.db-wal", "record.db-shm", "record.db.restored",
                           "record.db.restored-wal", "record.db.restored-shm", "bucket.db", "bucket.db-wal",
                           "bucket.db-shm", "bucket.db-uses", "bucket.db-uses-before"}) {
    if (unlink(In(name).c_str()) != 0 && errno != ENOENT) return ErrnoStatus(errno, In(name));
  }
  return absl::OkStatus();
}

absl::Status Restoring::RestoreBlob(const Digest& stored, const std::string& from, const std::string& to) {
  const auto name = [&](const Digest& copied) -> absl::StatusOr<std::string> {
    if (copied == stored) return to;
    return absl::DataLossError(fmt::format("the backup is damaged: {} does not have its digest", from));
  };
  const absl::Status copied =
      CopyFile(from, stored.size, In("content/tmp/staged"), 0444, options_.pace, name).status();
  if (absl::IsNotFound(copied))
    return absl::DataLossError(fmt::format("the backup is damaged: {} is missing", from));
  if (absl::IsFailedPrecondition(copied))
    return absl::DataLossError(fmt::format("the backup is damaged: {} is shorter than it was", from));
  return copied;
}

absl::Status Restoring::RestoreBlobs() {
  RETURN_IF_ERROR(MakeFolders(In("content/tmp"), 0700));
  const std::string blobs = In("content/blobs");
  RETURN_IF_ERROR(MakeFolders(blobs, 0700));
  for (const KeptBlob& blob : backup_.blobs) {
    const std::string& hash = blob.digest.hash;
    const std::string end = blob.parts_file.empty() ? "" : ".parts";
    RETURN_IF_ERROR(MakeFolders(blobs + "/" + hash.substr(0, 2), 0700));
    const absl::Status restored = RestoreBlob(blob.parts_file.empty() ? blob.digest : blob.parts_file,
                                              folder_.blobs().PathOf(hash) + end,
                                              fmt::format("{}/{}/{}{}", blobs, hash.substr(0, 2), hash, end));
    if (!absl::IsDataLoss(restored) || !options_.incomplete) {
      RETURN_IF_ERROR(restored);
      continue;
    }
    options_.tell(Sv(restored.message()));
    ++restored_.left_out;
  }
  return absl::OkStatus();
}

absl::Status Restoring::RestoreFiles() {
  for (const KeptFile& file : backup_.files) {
    const std::string target = In(file.path);
    RETURN_IF_ERROR(MakeFolders(target.substr(0, target.rfind('/'))));
    RETURN_IF_ERROR(RestoreBlob(file.bytes, folder_.blobs().PathOf(file.bytes.hash), target));
    if (chmod(target.c_str(), static_cast<mode_t>(file.mode)) != 0) return ErrnoStatus(errno, target);
  }
  return absl::OkStatus();
}

absl::Status Restoring::RestoreRecord() {
  const std::string path = In("record.db.restored");
  const std::string from = folder_.MomentFolder(restored_.moment.name) + "/record.db";
  RETURN_IF_ERROR(RestoreBlob(backup_.manifest.record, from, path));
  if (chmod(path.c_str(), 0600) != 0) return ErrnoStatus(errno, path);
  {
    ASSIGN_OR_RETURN(storage::Database record, storage::Database::Open(path));
    ASSIGN_OR_RETURN(const std::vector<std::string> damage, storage::FindRecordDamage(record));
    if (!damage.empty())
      return absl::DataLossError(fmt::format("the backup's record is damaged: {}", damage.front()));
    ASSIGN_OR_RETURN(const storage::RecordFacts facts, storage::ReadFacts(record, backup_.manifest.taken_at));
    GapBasis basis;
    ASSIGN_OR_RETURN(basis.last, storage::LastNumbers(record));
    basis.builds_of_day = facts.builds_of_day;
    basis.elapsed_seconds = (UnixNanos(clock_.Now()) - backup_.manifest.taken_at) / 1'000'000'000;
    restored_.skipped_to = NumbersToSkip(basis);
    RETURN_IF_ERROR(storage::SkipNumbers(record, restored_.skipped_to));
  }
  if (!backup_.manifest.bucket_index.empty()) {
    const std::string index = In("bucket.db");
    RETURN_IF_ERROR(RestoreBlob(backup_.manifest.bucket_index,
                                folder_.MomentFolder(restored_.moment.name) + "/bucket.db", index));
    if (chmod(index.c_str(), 0600) != 0) return ErrnoStatus(errno, index);
    // What the bucket has now is not what it had then.
    RETURN_IF_ERROR(storage::BucketIndex::AskForListing(index));
  }
  // Closed: there is no log beside it any more.
  if (rename(path.c_str(), In("record.db").c_str()) != 0) return ErrnoStatus(errno, In("record.db"));
  return absl::OkStatus();
}

// The folder comes last: what lies in it is its owner's by then, and until then nobody else can change what
// is looked at here.
absl::Status Restoring::GiveToOwner() const {
  if (geteuid() != 0) return absl::OkStatus();
  std::error_code error;
  for (fs::recursive_directory_iterator it(target_, error), end; contents_.user != 0 && !error && it != end;
       it.increment(error)) {
    if (it->path().filename() == "lost+found") {
      it.disable_recursion_pending();
      continue;
    }
    if (lchown(it->path().c_str(), contents_.user, contents_.group) != 0)
      return ErrnoStatus(errno, it->path().string());
  }
  if (error) return ErrnoStatus(error.value(), target_);
  if (lchown(target_.c_str(), owner_.user, owner_.group) != 0) return ErrnoStatus(errno, target_);
  return absl::OkStatus();
}

absl::Status Restoring::TakeItsPlace() {
  if (target_ == data_) return absl::OkStatus();
  const std::string parent = fs::path(data_).parent_path().string();
  if (renameat2(AT_FDCWD, target_.c_str(), AT_FDCWD, data_.c_str(), RENAME_EXCHANGE) != 0) {
    return Annotate(ErrnoStatus(errno, data_),
                    fmt::format("the data folder cannot be moved aside; move it by hand, and {}, which is "
                                "complete, in its place",
                                target_));
  }
  RETURN_IF_ERROR(SyncFolder(parent));
  restored_.moved_to = AsideName();
  if (rename(target_.c_str(), restored_.moved_to.c_str()) != 0) return ErrnoStatus(errno, target_);
  return SyncFolder(parent);
}

absl::StatusOr<RestoredFarm> Restoring::Run() {
  RETURN_IF_ERROR(Choose());
  RETURN_IF_ERROR(Prepare());
  options_.tell(fmt::format("restoring {}: {} blobs, {} bytes", restored_.moment.name, backup_.manifest.blobs,
                            backup_.manifest.blob_bytes));
  RETURN_IF_ERROR(RestoreBlobs());
  RETURN_IF_ERROR(RestoreFiles());
  RETURN_IF_ERROR(RestoreRecord());
  RETURN_IF_ERROR(GiveToOwner());
  RETURN_IF_ERROR(options_.sync(target_));
  if (unlink(In(kMark).c_str()) != 0) return ErrnoStatus(errno, In(kMark));
  RETURN_IF_ERROR(SyncFolder(target_));
  RETURN_IF_ERROR(TakeItsPlace());
  return std::move(restored_);
}

}  // namespace

absl::StatusOr<RestoredFarm> RestoreBackup(const RestoreOptions& options, Clock& clock) {
  return Restoring(options, clock).Run();
}

absl::Status CheckRestored(const std::string& data_folder) {
  if (!Exists(fmt::format("{}/{}", data_folder, kMark))) return absl::OkStatus();
  return absl::FailedPreconditionError(fmt::format(
      "{} is from a restore that did not come to its end: run `crossmill admin restore` again", data_folder));
}

}  // namespace crossmill::backup
