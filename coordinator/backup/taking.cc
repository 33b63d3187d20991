#include "coordinator/backup/taking.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "coordinator/backup/backup_folder.h"
#include "coordinator/backup/last_backup.h"
#include "coordinator/backup/needed_blobs.h"
#include "coordinator/storage/backup/record_health.h"

namespace crossmill::backup {
namespace {

namespace fs = std::filesystem;
using storage::NeededBy;

constexpr int64_t kRecordStep = int64_t{1} << 20;
// An image that was removed while it was copied is not in the next record.
constexpr int kMostTries = 3;
// Besides logs/: what tells the farm from another, and who may do what. Not session-key: whoever has a page
// open logs in again. Not the reserve, checkouts, unpacked contexts, sockets: no data.
constexpr const char* kSmallFiles[] = {"signing-key.pem",           "tokens",
                                       "authority/authority.pem",   "authority/authority-key.pem",
                                       "authority/coordinator.pem", "authority/coordinator-key.pem",
                                       "authority/address"};

class Taking {
 public:
  // `bucket` may be null.
  Taking(const TakeOptions& options, Clock& clock, const coordinator::BucketBehind* bucket)
      : options_(options),
        clock_(clock),
        folder_(options.backup_folder),
        bucket_(bucket),
        store_(options.data_folder + "/content", bucket) {}

  absl::StatusOr<TakenBackup> Run();

 private:
  absl::Status LearnEarlier();
  // NOT_FOUND: blobs of images were gone, and perhaps the images are, too.
  absl::Status TakeOnce();
  absl::Status CopyRecord();
  absl::Status CopyBlobs(const NeededBlobs& needed);
  // Whether it is in the folder afterwards.
  absl::StatusOr<bool> KeepBlob(const Digest& digest, NeededBy by);
  absl::StatusOr<bool> CopyBlob(const Digest& digest, const StoredFile& found);
  absl::Status CopyFiles();
  absl::Status KeepFile(const std::string& path);
  absl::Status Seal();
  // A build that cannot go on where it is restored fails there with its reason; that is no reason to have no
  // backup.
  bool IsLoss(NeededBy by) const {
    return by == NeededBy::kImage || (by == NeededBy::kRunningBuild && !last_try_);
  }

  std::string NewName() const;
  std::string InMoment(std::string_view name) const {
    return fmt::format("{}/{}", folder_.MomentFolder(taken_.moment.name), name);
  }
  absl::StatusOr<std::string> PlaceOf(const std::string& hash) const {
    RETURN_IF_ERROR(MakeFolders(folder_.blobs().folder() + "/" + hash.substr(0, 2), 0700));
    return folder_.blobs().PathOf(hash);
  }

  const TakeOptions& options_;
  Clock& clock_;
  const BackupFolder folder_;
  const coordinator::BucketBehind* const bucket_;
  const StoredBlobs store_;
  std::vector<Moment> complete_;
  // Hashes that complete backups have: they were synced. What else lies in the folder is a rest, and looked
  // at again.
  absl::flat_hash_set<std::string> trusted_;
  // Those whose bytes this process has read or written.
  absl::flat_hash_set<std::string> checked_;
  absl::flat_hash_map<std::string, KeptFile> known_files_;
  TakenBackup taken_;
  std::vector<KeptBlob> blobs_;
  std::vector<KeptFile> files_;
  absl::flat_hash_set<std::string> kept_;
  // What could not be kept although an image needs it, or, before the last try, a build that has not ended.
  std::vector<MissingBlob> lost_;
  bool last_try_ = false;
  // Whose the record is: what is another's is no file of the coordinator's.
  uid_t owner_ = 0;
};

absl::Status Taking::LearnEarlier() {
  ASSIGN_OR_RETURN(complete_, folder_.Complete());
  for (const Moment& moment : complete_) {
    const auto read = folder_.Read(moment);
    // An earlier backup that is damaged is no reason to take none; nothing of it is trusted.
    if (!read.ok()) {
      options_.tell(fmt::format("backup {} cannot be used: {}", moment.name, Sv(read.status().message())));
      continue;
    }
    for (const KeptBlob& blob : read->blobs) trusted_.insert(blob.digest.hash);
    for (const KeptFile& file : read->files) {
      trusted_.insert(file.bytes.hash);
      known_files_.emplace(file.path, file);
    }
  }
  std::erase_if(complete_, [&](const Moment& moment) { return !folder_.Read(moment).ok(); });
  return absl::OkStatus();
}

std::string Taking::NewName() const {
  const std::string time = absl::FormatTime("%Y%m%dT%H%M%SZ", clock_.Now(), absl::UTCTimeZone());
  for (int number = 0;; ++number) {
    std::string name = number == 0 ? time : fmt::format("{}-{}", time, number);
    if (!Exists(folder_.MomentFolder(name))) return name;
  }
}

absl::Status Taking::CopyRecord() {
  const std::string record = options_.data_folder + "/record.db";
  ASSIGN_OR_RETURN(storage::Database source, storage::Database::OpenToRead(record, false));
  taken_.manifest.taken_at = UnixNanos(clock_.Now());
  const std::string copy = InMoment("record.db");
  RETURN_IF_ERROR(source.CopyTo(copy, kRecordStep, options_.pace));
  ASSIGN_OR_RETURN(taken_.manifest.record, HashWholeFile(copy, options_.pace));
  if (bucket_ == nullptr) return absl::OkStatus();
  taken_.manifest.bucket = bucket_->place();
  if (!options_.refer_to_bucket) return absl::OkStatus();
  // After the record: what that needs has been there, or was not copied yet.
  const std::string index = InMoment("bucket.db");
  RETURN_IF_ERROR(bucket_->CopyIndex(index, kRecordStep, options_.pace));
  ASSIGN_OR_RETURN(taken_.manifest.bucket_index, HashWholeFile(index, options_.pace));
  return absl::OkStatus();
}

absl::StatusOr<bool> Taking::CopyBlob(const Digest& digest, const StoredFile& found) {
  KeptBlob kept{digest, {}};
  const bool parted = !found.parts.empty();
  ASSIGN_OR_RETURN(const std::string place, PlaceOf(digest.hash));
  const auto name = [&](const Digest& copied) -> absl::StatusOr<std::string> {
    if (parted) return place + ".parts";
    if (copied == digest) return place;
    return absl::DataLossError(fmt::format("blob {} does not have its digest", ToString(digest)));
  };
  const auto read = [&](const std::function<absl::Status(std::string_view)>& take) {
    return store_.Read(digest, take);
  };
  ASSIGN_OR_RETURN(const Digest copied, found.in_bucket
                                            ? CopyBytes(read, folder_.StagedPath(), 0400, options_.pace, name)
                                            : CopyFile(found.path, found.file_size, folder_.StagedPath(),
                                                       0400, options_.pace, name));
  if (parted) {
    kept.parts_file = copied;
    const absl::Status whole = folder_.blobs().Verify(digest, options_.pace);
    if (!whole.ok()) unlink((place + ".parts").c_str());
    RETURN_IF_ERROR(whole);
  }
  ++taken_.copied;
  taken_.copied_bytes += copied.size;
  checked_.insert(digest.hash);
  blobs_.push_back(std::move(kept));
  return true;
}

absl::StatusOr<bool> Taking::KeepBlob(const Digest& digest, NeededBy by) {
  if (!kept_.insert(digest.hash).second) return true;
  ASSIGN_OR_RETURN(const std::optional<StoredFile> here, folder_.blobs().Find(digest));
  const bool trusted = trusted_.contains(digest.hash);
  if (here) {
    for (const BlobPart& part : here->parts) {
      if (!part.blob.empty()) RETURN_IF_ERROR(KeepBlob(part.blob, by).status());
    }
    const bool known = (trusted && !options_.verify) || checked_.contains(digest.hash);
    const absl::Status good = known ? absl::OkStatus() : folder_.blobs().Verify(digest, options_.pace);
    if (good.ok()) {
      checked_.insert(digest.hash);
      KeptBlob kept{digest, {}};
      if (!here->parts.empty()) {
        ASSIGN_OR_RETURN(kept.parts_file, HashWholeFile(here->path, options_.pace));
      }
      blobs_.push_back(std::move(kept));
      return true;
    }
    if (!absl::IsDataLoss(good) && !absl::IsNotFound(good)) return good;
    taken_.mended += trusted ? 1 : 0;
  }
  ASSIGN_OR_RETURN(const std::optional<StoredFile> found, store_.Find(digest));
  absl::StatusOr<bool> copied = absl::NotFoundError("gone");
  if (found && found->in_bucket && options_.refer_to_bucket) {
    ++taken_.manifest.bucket_blobs;
    taken_.manifest.bucket_bytes += digest.size;
    return true;
  }
  if (found) {
    for (const BlobPart& part : found->parts) {
      if (!part.blob.empty()) RETURN_IF_ERROR(KeepBlob(part.blob, by).status());
    }
    copied = CopyBlob(digest, *found);
  }
  if (copied.ok()) return true;
  kept_.erase(digest.hash);
  if (absl::IsDataLoss(copied.status())) {
    ++taken_.manifest.damaged_blobs;
    options_.tell(Sv(copied.status().message()));
    return false;
  }
  // Also a part of it: collected as garbage meanwhile.
  if (!absl::IsNotFound(copied.status())) return copied;
  ++taken_.manifest.gone_blobs;
  return false;
}

absl::Status Taking::CopyBlobs(const NeededBlobs& needed) {
  for (const MissingBlob& blob : needed.missing) {
    if (IsLoss(blob.by)) lost_.push_back(blob);
    if (blob.by == NeededBy::kRunningBuild)
      options_.tell(fmt::format("{} lacks {}", blob.what, ToString(blob.digest)));
  }
  taken_.manifest.gone_blobs = static_cast<int64_t>(needed.missing.size());
  if (!lost_.empty()) return absl::NotFoundError("blobs that nothing makes again are gone");
  // What nothing makes again comes first: garbage collection or a full disk may end the rest.
  for (const NeededBy by : {NeededBy::kImage, NeededBy::kRunningBuild, NeededBy::kPinnedBuild,
                            NeededBy::kWheel, NeededBy::kCache}) {
    for (const auto& [hash, present] : needed.present) {
      if (present.by != by) continue;
      const Digest digest{hash, present.size};
      ASSIGN_OR_RETURN(const bool kept, KeepBlob(digest, by));
      if (!kept && IsLoss(by))
        lost_.push_back({digest, by, by == NeededBy::kImage ? "an image" : "an unfinished build"});
    }
    if (!lost_.empty()) return absl::NotFoundError("blobs that nothing makes again are gone");
  }
  return absl::OkStatus();
}

absl::Status Taking::KeepFile(const std::string& path) {
  const std::string source = options_.data_folder + "/" + path;
  struct stat info;
  if (lstat(source.c_str(), &info) != 0) return ErrnoStatus(errno, source);
  if (!S_ISREG(info.st_mode)) return absl::OkStatus();
  KeptFile file{.path = path,
                .bytes = {},
                .modified = int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec,
                .mode = static_cast<int>(info.st_mode & 0777)};
  const auto known = known_files_.find(path);
  if (!options_.verify && known != known_files_.end() && known->second.modified == file.modified &&
      known->second.bytes.size == info.st_size) {
    ASSIGN_OR_RETURN(const std::optional<StoredFile> here, folder_.blobs().Find(known->second.bytes));
    if (here || info.st_size == 0) {
      files_.push_back(known->second);
      files_.back().mode = file.mode;
      return absl::OkStatus();
    }
  }
  bool there = false;
  const auto name = [&](const Digest& digest) -> absl::StatusOr<std::string> {
    ASSIGN_OR_RETURN(const std::optional<StoredFile> here, folder_.blobs().Find(digest));
    there = here.has_value() && here->parts.empty();
    return PlaceOf(digest.hash);
  };
  ASSIGN_OR_RETURN(file.bytes,
                   CopyFile(source, info.st_size, folder_.StagedPath(), 0400, options_.pace, name, owner_));
  if (!there) {
    ++taken_.copied;
    taken_.copied_bytes += file.bytes.size;
  }
  files_.push_back(std::move(file));
  return absl::OkStatus();
}

absl::Status Taking::CopyFiles() {
  struct stat record;
  const std::string path_of_record = options_.data_folder + "/record.db";
  if (lstat(path_of_record.c_str(), &record) != 0) return ErrnoStatus(errno, path_of_record);
  owner_ = record.st_uid;
  std::vector<std::string> paths;
  for (const char* name : kSmallFiles) {
    if (Exists(options_.data_folder + "/" + name)) paths.emplace_back(name);
  }
  std::error_code error;
  for (fs::directory_iterator it(options_.data_folder, error), end; !error && it != end;
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name == "audit.log" || name.starts_with("audit.log.")) paths.push_back(name);
  }
  const std::string logs = options_.data_folder + "/logs";
  for (fs::recursive_directory_iterator it(logs, error), end; !error && it != end; it.increment(error)) {
    const bool folder = it->is_directory(error);
    if (!error && !folder) paths.push_back("logs" + it->path().string().substr(logs.size()));
    error.clear();
  }
  std::sort(paths.begin(), paths.end());
  for (const std::string& path : paths) {
    // A name of several lines is none of ours.
    if (path.find('\n') != std::string::npos) continue;
    const absl::Status kept = KeepFile(path);
    // A log that became shorter was cut or compressed while it was read.
    if (absl::IsNotFound(kept) || absl::IsFailedPrecondition(kept)) {
      ++taken_.manifest.gone_files;
      continue;
    }
    RETURN_IF_ERROR(kept);
  }
  return absl::OkStatus();
}

absl::Status Taking::Seal() {
  BackupManifest& manifest = taken_.manifest;
  std::sort(blobs_.begin(), blobs_.end(),
            [](const KeptBlob& a, const KeptBlob& b) { return a.digest < b.digest; });
  for (const KeptBlob& blob : blobs_) manifest.blob_bytes += blob.digest.size;
  for (const KeptFile& file : files_) manifest.file_bytes += file.bytes.size;
  manifest.blobs = static_cast<int64_t>(blobs_.size());
  manifest.files = static_cast<int64_t>(files_.size());
  const std::string blob_list = WriteBlobList(blobs_);
  const std::string file_list = WriteFileList(files_);
  manifest.blob_list = DigestOf(blob_list);
  manifest.file_list = DigestOf(file_list);
  const std::string text = WriteManifest(manifest);
  RETURN_IF_ERROR(WriteFileAtomic(InMoment("blobs.list"), blob_list, 0600));
  RETURN_IF_ERROR(WriteFileAtomic(InMoment("files.list"), file_list, 0600));
  RETURN_IF_ERROR(WriteFileAtomic(InMoment("manifest.json"), text, 0600));
  taken_.moment.manifest_hash = Sha256Hex(text);
  // All of it is on the disk before anything points to it.
  RETURN_IF_ERROR(options_.sync(folder_.path()));
  complete_.insert(complete_.begin(), taken_.moment);
  complete_.resize(std::min(complete_.size(), static_cast<size_t>(std::max(1, options_.keep))));
  RETURN_IF_ERROR(folder_.Point(complete_));
  ASSIGN_OR_RETURN(taken_.removed, folder_.RemoveRest(complete_));
  return absl::OkStatus();
}

absl::Status Taking::TakeOnce() {
  // What was copied before stays: it is compared with its digest when it is met again.
  const int64_t copied = taken_.copied, copied_bytes = taken_.copied_bytes;
  taken_ = {.moment = {NewName(), ""}, .manifest = {}, .copied = copied, .copied_bytes = copied_bytes};
  taken_.manifest.program = CROSSMILL_VERSION;
  blobs_.clear();
  files_.clear();
  kept_.clear();
  lost_.clear();
  RETURN_IF_ERROR(MakeFolders(folder_.MomentFolder(taken_.moment.name), 0700));
  RETURN_IF_ERROR(CopyRecord());
  ASSIGN_OR_RETURN(storage::Database copy, storage::Database::OpenToRead(InMoment("record.db"), true));
  ASSIGN_OR_RETURN(const storage::RecordFacts facts, storage::ReadFacts(copy, taken_.manifest.taken_at));
  if (facts.schema != storage::KnownSchema()) {
    return absl::FailedPreconditionError(fmt::format(
        "the record has schema version {}, this Crossmill ({}) knows {}: use the Crossmill that the "
        "coordinator is",
        facts.schema, CROSSMILL_VERSION, storage::KnownSchema()));
  }
  taken_.manifest.schema = facts.schema;
  taken_.manifest.farm = facts.farm;
  options_.tell(
      fmt::format("the record is copied: {} bytes, {} builds", taken_.manifest.record.size, facts.builds));
  storage::Connection record(std::move(copy));
  ASSIGN_OR_RETURN(const NeededBlobs needed, FindNeeded(record, store_));
  options_.tell(fmt::format("it needs {} blobs", needed.present.size()));
  RETURN_IF_ERROR(CopyBlobs(needed));
  return CopyFiles();
}

absl::StatusOr<TakenBackup> Taking::Run() {
  ASSIGN_OR_RETURN(const UniqueFd lock, folder_.LockToWrite());
  RETURN_IF_ERROR(LearnEarlier());
  absl::Status taken;
  for (int i = 0; i < kMostTries; ++i) {
    last_try_ = i + 1 == kMostTries;
    taken = TakeOnce();
    if (!absl::IsNotFound(taken) || lost_.empty()) break;
    options_.tell("an image or build was changed while it was copied: the record is copied once more");
    (void)RemoveTree(folder_.MomentFolder(taken_.moment.name));
  }
  if (taken.ok()) taken = Seal();
  if (taken.ok()) {
    // The backup is there, whether anybody hears of it or not.
    const absl::Status noted = NoteLastBackup(options_.data_folder, taken_.manifest);
    if (!noted.ok()) options_.tell(fmt::format("the coordinator is not told of it: {}", Sv(noted.message())));
    return std::move(taken_);
  }
  (void)RemoveTree(folder_.MomentFolder(taken_.moment.name));
  if (lost_.empty()) return taken;
  return absl::DataLossError(fmt::format(
      "no backup was taken: {} cannot be backed up whole; {} blobs are missing or damaged, the first is {}. "
      "`crossmill admin check` says which; pull, build or remove what needs them",
      NameNeeders(lost_, NeededBy::kImage), lost_.size(), ToString(lost_.front().digest)));
}

}  // namespace

absl::StatusOr<TakenBackup> TakeBackup(const TakeOptions& options, Clock& clock) {
  const std::string inside = options.data_folder + "/";
  if (options.backup_folder == options.data_folder || options.backup_folder.starts_with(inside)) {
    return absl::InvalidArgumentError(
        fmt::format("{} is in the data folder that is backed up: give another", options.backup_folder));
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<coordinator::BucketBehind> bucket,
                   coordinator::BucketBehind::Open(options.data_folder));
  absl::StatusOr<TakenBackup> taken = Taking(options, clock, bucket.get()).Run();
  if (!bucket || !absl::IsUnavailable(taken.status())) return taken;
  return Annotate(taken.status(),
                  "no backup was taken; blobs that have left the disk are copied from the bucket, unless "
                  "--bucket-blobs refer is given");
}

}  // namespace crossmill::backup
