#include "coordinator/backup/checking.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "absl/container/flat_hash_set.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "coordinator/backup/needed_blobs.h"
#include "coordinator/backup/restoring.h"
#include "coordinator/storage/backup/record_health.h"
#include "coordinator/storage/logs/compressed_log.h"
#include "crossmill/v1/result.pb.h"

namespace crossmill::backup {
namespace {

namespace fs = std::filesystem;
using storage::NeededBy;

// Findings of one kind that are told one by one.
constexpr int64_t kMostOfKind = 100;
constexpr int64_t kLongestLog = int64_t{1} << 30;

class Checking {
 public:
  // `bucket` may be null.
  Checking(const CheckOptions& options, Clock& clock, const coordinator::BucketBehind* bucket)
      : options_(options),
        clock_(clock),
        bucket_(bucket),
        blobs_(options.data_folder + "/content", bucket),
        on_disk_(options.data_folder + "/content") {}

  absl::StatusOr<CheckReport> Run();

 private:
  absl::Status Begin();
  absl::Status CheckRecord();
  void NoteRecord(std::string what);
  absl::Status CheckBlobs();
  absl::Status CheckShard(const std::string& shard);
  absl::Status CheckBlobFile(const std::string& path, const std::string& name);
  absl::Status NoteBadFile(const char* kind, const std::string& hash, const std::string& path,
                           std::string meaning);
  absl::Status CheckReferences();
  absl::StatusOr<NeededBlobs> Needed();
  // What is missing both times: what goes meanwhile with what needed it is no finding.
  absl::Status LookAgain(NeededBlobs& needed);
  // What only the bucket has: whether it has it still is asked for what nothing makes again.
  absl::Status CheckBucket(NeededBlobs& needed);
  void NoteMissing(const NeededBlobs& needed);
  void NoteBucket(int64_t count, std::string meaning);
  void NoteUnreferenced(const NeededBlobs& needed);
  absl::Status DropRows(const NeededBlobs& needed);
  absl::Status CheckLogs();
  absl::Status CheckLog(const std::string& path);
  absl::Status CheckCompressedLog(const std::string& path);
  void Add(Finding finding);
  std::string In(std::string_view name) const { return fmt::format("{}/{}", options_.data_folder, name); }

  const CheckOptions& options_;
  Clock& clock_;
  const coordinator::BucketBehind* const bucket_;
  const StoredBlobs blobs_;
  const StoredBlobs on_disk_;
  CheckReport report_;
  UniqueFd lock_;
  // In the store, by hash: bytes on disk. Without those that are damaged.
  std::map<std::string, int64_t> there_;
  absl::flat_hash_set<std::string> damaged_;
  std::map<std::string, int64_t> of_kind_;
};

void Checking::Add(Finding finding) {
  // Many of one kind say no more than a hundred and how many there are.
  if (++of_kind_[finding.kind] <= kMostOfKind) {
    report_.findings.push_back(std::move(finding));
    return;
  }
  const auto last = std::find_if(report_.findings.rbegin(), report_.findings.rend(),
                                 [&](const Finding& other) { return other.kind == finding.kind; });
  last->count += finding.count;
  last->grave = last->grave || finding.grave;
  last->mended = last->mended && finding.mended;
}

absl::Status Checking::Begin() {
  report_.quick = options_.quick;
  if (!Exists(In("record.db")))
    return absl::FailedPreconditionError(
        fmt::format("{} has no record.db: it is no data folder", options_.data_folder));
  RETURN_IF_ERROR(CheckRestored(options_.data_folder));
  absl::StatusOr<UniqueFd> lock = OpenFile(In("content/lock"), O_RDWR);
  if (!lock.ok()) {
    return absl::FailedPreconditionError(fmt::format("{} has no blob store that can be opened: {}",
                                                     options_.data_folder, Sv(lock.status().message())));
  }
  if (flock(lock->get(), LOCK_EX | LOCK_NB) != 0) {
    report_.online = true;
    if (options_.repair) {
      return absl::FailedPreconditionError(
          fmt::format("a coordinator runs on {}: stop it first, --repair changes what it has open",
                      options_.data_folder));
    }
    return absl::OkStatus();
  }
  // Only who changes something keeps a coordinator from starting meanwhile.
  if (options_.repair) {
    lock_ = *std::move(lock);
  }
  return absl::OkStatus();
}

void Checking::NoteRecord(std::string what) {
  Add({.kind = "record",
       .grave = true,
       .where = "record.db",
       .meaning = std::move(what),
       .remedy = "not repaired: restore a backup (`crossmill admin restore`)"});
}

absl::Status Checking::CheckRecord() {
  ASSIGN_OR_RETURN(storage::Database record, storage::Database::OpenToRead(In("record.db"), false));
  ASSIGN_OR_RETURN(const std::vector<std::string> damage, storage::FindRecordDamage(record));
  for (const std::string& what : damage) NoteRecord(what);
  const absl::StatusOr<storage::RecordFacts> facts = storage::ReadFacts(record, UnixNanos(clock_.Now()));
  if (!facts.ok() && !damage.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(facts.status());
  report_.schema = facts->schema;
  report_.farm = facts->farm;
  report_.builds = facts->builds;
  if (facts->schema > storage::KnownSchema()) {
    return absl::FailedPreconditionError(fmt::format(
        "the record has schema version {}, this Crossmill ({}) knows versions up to {}: use the Crossmill "
        "that wrote it",
        facts->schema, CROSSMILL_VERSION, storage::KnownSchema()));
  }
  if (facts->schema < storage::KnownSchema()) {
    Add({.kind = "schema",
         .where = "record.db",
         .meaning =
             fmt::format("schema version {}; this program's is {}", facts->schema, storage::KnownSchema()),
         .remedy = "the coordinator migrates it when it starts, and keeps a copy"});
  }
  return absl::OkStatus();
}

absl::Status Checking::NoteBadFile(const char* kind, const std::string& hash, const std::string& path,
                                   std::string meaning) {
  Finding finding{
      .kind = kind,
      .grave = true,
      .where = path,
      .meaning = std::move(meaning),
      .remedy = "--repair moves it to content/corrupt: the blob is missing then, and is made or sent again"};
  damaged_.insert(hash);
  if (options_.repair) {
    struct stat info;
    if (stat(path.c_str(), &info) != 0) return ErrnoStatus(errno, path);
    RETURN_IF_ERROR(MakeFolders(In("content/corrupt"), 0700));
    const std::string aside = fmt::format("{}/{}-{}", In("content/corrupt"), hash, info.st_ino);
    if (rename(path.c_str(), aside.c_str()) != 0) return ErrnoStatus(errno, path);
    finding.mended = true;
  }
  Add(std::move(finding));
  return absl::OkStatus();
}

absl::Status Checking::CheckBlobFile(const std::string& path, const std::string& name) {
  struct stat info;
  if (lstat(path.c_str(), &info) != 0) return errno == ENOENT ? absl::OkStatus() : ErrnoStatus(errno, path);
  const bool parted = name.ends_with(".parts");
  const std::string hash = parted ? name.substr(0, name.size() - 6) : name;
  if (!S_ISREG(info.st_mode) || !IsSha256Hex(hash) ||
      path.find("/" + hash.substr(0, 2) + "/" + name) == path.npos) {
    Add({.kind = "stray",
         .where = path,
         .meaning = "a file that is none of the store's",
         .remedy = "left alone: remove it by hand if nobody misses it"});
    return absl::OkStatus();
  }
  Digest digest{hash, info.st_size};
  if (parted) {
    ASSIGN_OR_RETURN(const UniqueFd file, OpenFile(path, O_RDONLY));
    const auto parts = ReadPartList(file.get());
    if (absl::IsDataLoss(parts.status()))
      return NoteBadFile("parts", hash, path, "its list of parts is damaged");
    RETURN_IF_ERROR(parts.status());
    digest.size = SizeOf(*parts);
  }
  const absl::Status good = options_.quick ? absl::OkStatus() : on_disk_.Verify(digest, options_.pace);
  if (absl::IsDataLoss(good))
    return NoteBadFile(parted ? "parts" : "blob", hash, path, "its bytes do not have its digest");
  // A part may have been collected as garbage before the list of parts: whoever misses it makes both again.
  if (!absl::IsNotFound(good) && !absl::IsFailedPrecondition(good)) RETURN_IF_ERROR(good);
  there_[hash] += info.st_size;
  return absl::OkStatus();
}

absl::Status Checking::CheckShard(const std::string& shard) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(shard, error), end; !error && it != end; it.increment(error))
    names.push_back(it->path().filename().string());
  if (error) return ErrnoStatus(error.value(), shard);
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    const absl::Status checked = CheckBlobFile(shard + "/" + name, name);
    if (!absl::IsNotFound(checked)) RETURN_IF_ERROR(checked);
  }
  return absl::OkStatus();
}

absl::Status Checking::CheckBlobs() {
  std::error_code error;
  std::vector<std::string> shards;
  for (fs::directory_iterator it(blobs_.folder(), error), end; !error && it != end; it.increment(error)) {
    const bool folder = it->is_directory(error);
    if (!error && folder) {
      shards.push_back(it->path().string());
    } else if (!error) {
      Add({.kind = "stray",
           .where = it->path().string(),
           .meaning = "a file that is none of the store's",
           .remedy = "left alone: remove it by hand if nobody misses it"});
    }
  }
  // A store that never had a blob may lack the folder.
  if (error && error != std::errc::no_such_file_or_directory)
    return ErrnoStatus(error.value(), blobs_.folder());
  std::sort(shards.begin(), shards.end());
  for (const std::string& shard : shards) RETURN_IF_ERROR(CheckShard(shard));
  report_.blobs = static_cast<int64_t>(there_.size());
  for (const auto& [hash, bytes] : there_) report_.blob_bytes += bytes;
  int64_t aside = 0;
  for (fs::directory_iterator it(In("content/corrupt"), error), end; !error && it != end; it.increment(error))
    ++aside;
  if (aside > 0) {
    Add({.kind = "aside",
         .where = "content/corrupt",
         .count = aside,
         .meaning = "files that were found damaged",
         .remedy = "nothing reads them: look at the disk, then remove them"});
  }
  return absl::OkStatus();
}

absl::StatusOr<NeededBlobs> Checking::Needed() {
  ASSIGN_OR_RETURN(storage::Database database, storage::Database::OpenToRead(In("record.db"), false));
  storage::Connection record(std::move(database));
  // A damaged file that was moved aside may have parts beside it that are good.
  static const absl::flat_hash_set<std::string> none;
  return FindNeeded(record, blobs_, options_.repair ? none : damaged_);
}

absl::Status Checking::LookAgain(NeededBlobs& needed) {
  if (needed.missing.empty() || !report_.online) return absl::OkStatus();
  ASSIGN_OR_RETURN(const NeededBlobs again, Needed());
  std::set<std::string> still;
  for (const MissingBlob& blob : again.missing) still.insert(blob.digest.hash);
  std::erase_if(needed.missing, [&](const MissingBlob& blob) { return !still.contains(blob.digest.hash); });
  return absl::OkStatus();
}

void Checking::NoteBucket(int64_t count, std::string meaning) {
  Add({.kind = "bucket",
       .where = bucket_->place(),
       .count = count,
       .meaning = std::move(meaning),
       .remedy = "left alone"});
}

absl::Status Checking::CheckBucket(NeededBlobs& needed) {
  if (bucket_ == nullptr) return absl::OkStatus();
  int64_t count = 0, bytes = 0;
  std::vector<MissingBlob> gone;
  for (const auto& [hash, present] : needed.present) {
    if (!present.in_bucket) continue;
    ++count;
    bytes += present.size;
    if (options_.quick || present.by > NeededBy::kRunningBuild) continue;
    const Digest digest{hash, present.size};
    const absl::Status there = bucket_->Confirm(digest);
    if (absl::IsUnavailable(there)) {
      NoteBucket(0,
                 fmt::format("it is not known whether it has what is only there: {}", Sv(there.message())));
      return absl::OkStatus();
    }
    if (absl::IsNotFound(there))
      gone.push_back(
          {digest, present.by, present.by == NeededBy::kImage ? "an image" : "an unfinished build"});
    RETURN_IF_ERROR(options_.pace(0));
  }
  for (const MissingBlob& blob : gone) needed.present.erase(blob.digest.hash);
  needed.missing.insert(needed.missing.end(), gone.begin(), gone.end());
  if (count > 0)
    NoteBucket(count, fmt::format("{} blobs that are needed, {} bytes, are only there", count, bytes));
  return absl::OkStatus();
}

void Checking::NoteMissing(const NeededBlobs& needed) {
  std::map<std::pair<NeededBy, std::string>, int64_t> counts;
  for (const MissingBlob& blob : needed.missing) ++counts[{blob.by, blob.what}];
  for (const auto& [key, count] : counts) {
    const auto& [by, what] = key;
    switch (by) {
      case NeededBy::kImage:
        Add({.kind = "image",
             .grave = true,
             .where = what,
             .count = count,
             .meaning = fmt::format(
                 "{} of its blobs are missing or damaged: it cannot be saved, pushed or built upon", count),
             .remedy = "left alone: pull, import or build it again, or `crossmill image rm` it"});
        break;
      case NeededBy::kRunningBuild:
        Add({.kind = "build",
             .grave = true,
             .where = what,
             .count = count,
             .meaning =
                 fmt::format("{} blobs that it still needs are missing or damaged: it will fail", count),
             .remedy = "left alone: submit it again"});
        break;
      case NeededBy::kPinnedBuild:
        Add({.kind = "pin",
             .where = what,
             .count = count,
             .meaning = fmt::format(
                 "{} blobs of what it was made from are gone: before it was pinned, or with the disk", count),
             .remedy = "left alone: they come again with a submission of the same files"});
        break;
      case NeededBy::kWheel:
      case NeededBy::kCache:
        Add({.kind = "cache",
             .where = what,
             .count = count,
             .meaning =
                 fmt::format("{} blobs are gone: made, sent or fetched again when they are needed", count),
             .remedy = "--repair drops rows of caches that only say where they were"});
        break;
    }
  }
}

void Checking::NoteUnreferenced(const NeededBlobs& needed) {
  int64_t count = 0, bytes = 0;
  for (const auto& [hash, size] : there_) {
    if (needed.present.contains(hash)) continue;
    ++count;
    bytes += size;
  }
  if (count == 0) return;
  Add({.kind = "unreferenced",
       .where = "content/blobs",
       .count = count,
       .meaning = fmt::format(
           "{} blobs, {} bytes, that nothing in the record names: uploads that were not used", count, bytes),
       .remedy = "left alone: garbage collection removes them"});
}

absl::Status Checking::DropRows(const NeededBlobs& needed) {
  std::set<std::string> gone;
  for (const MissingBlob& blob : needed.missing) gone.insert(blob.digest.hash);
  ASSIGN_OR_RETURN(storage::Database record, storage::Database::Open(In("record.db")));
  ASSIGN_OR_RETURN(
      const std::vector<storage::DroppedRows> dropped,
      storage::DropCacheRows(record, [&](const Digest& digest) { return gone.contains(digest.hash); }));
  for (const storage::DroppedRows& rows : dropped) {
    Add({.kind = "cache",
         .where = "table " + rows.table,
         .count = rows.rows,
         .meaning = fmt::format("{} rows whose blobs are gone", rows.rows),
         .remedy = "dropped",
         .mended = true});
  }
  return absl::OkStatus();
}

absl::Status Checking::CheckReferences() {
  absl::StatusOr<NeededBlobs> needed = Needed();
  // A message in the record that cannot be read: SQLite's own check sees no more than its pages.
  if (absl::IsDataLoss(needed.status())) {
    NoteRecord(std::string(needed.status().message()));
    return absl::OkStatus();
  }
  if (bucket_ != nullptr && absl::IsUnavailable(needed.status())) {
    NoteBucket(0, fmt::format("what is needed cannot be told: {}", Sv(needed.status().message())));
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(needed.status());
  RETURN_IF_ERROR(LookAgain(*needed));
  RETURN_IF_ERROR(CheckBucket(*needed));
  NoteMissing(*needed);
  NoteUnreferenced(*needed);
  return options_.repair ? DropRows(*needed) : absl::OkStatus();
}

absl::Status Checking::CheckLog(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return ErrnoStatus(errno, path);
  ASSIGN_OR_RETURN(const std::string log, ReadFile(path, kLongestLog));
  RETURN_IF_ERROR(options_.pace(static_cast<int64_t>(log.size())));
  ++report_.logs;
  const int64_t whole = WholeMessages(log);
  if (whole == static_cast<int64_t>(log.size())) return absl::OkStatus();
  // One that is being written may have been read in the middle of a message.
  struct stat later;
  if (report_.online && (stat(path.c_str(), &later) != 0 || later.st_size != info.st_size))
    return absl::OkStatus();
  Finding finding{
      .kind = "log",
      .where = path,
      .meaning = fmt::format("its last {} bytes are no whole message: torn by a crash, or damaged",
                             static_cast<int64_t>(log.size()) - whole),
      .remedy = "--repair cuts it there, as the coordinator does when it writes to it"};
  if (options_.repair) {
    if (truncate(path.c_str(), whole) != 0) return ErrnoStatus(errno, path);
    finding.mended = true;
  }
  Add(std::move(finding));
  return absl::OkStatus();
}

absl::Status Checking::CheckCompressedLog(const std::string& path) {
  ++report_.logs;
  std::string log;
  const absl::Status read = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const auto compressed, storage::CompressedLog::Open(path));
    if (compressed->size() > kLongestLog) return absl::DataLossError("it is longer than any console may be");
    log.resize(static_cast<size_t>(compressed->size()));
    for (size_t done = 0; done < log.size();) {
      ASSIGN_OR_RETURN(const size_t count,
                       compressed->ReadAt(static_cast<int64_t>(done), log.data() + done, log.size() - done));
      if (count == 0) return absl::DataLossError("it ends too early");
      RETURN_IF_ERROR(options_.pace(static_cast<int64_t>(count)));
      done += count;
    }
    return absl::OkStatus();
  }();
  if (!read.ok() && !absl::IsDataLoss(read)) return read;
  // One whose end was torn before it was compressed is as good as one that was not compressed.
  if (read.ok()) return absl::OkStatus();
  Finding finding{.kind = "log",
                  .grave = true,
                  .where = path,
                  .meaning = fmt::format("a compressed console is damaged: {}", Sv(read.message())),
                  .remedy = "--repair moves it to content/corrupt: the step has no console then"};
  if (options_.repair) {
    RETURN_IF_ERROR(MakeFolders(In("content/corrupt"), 0700));
    const std::string aside = In("content/corrupt") + path.substr(path.rfind('/'));
    if (rename(path.c_str(), aside.c_str()) != 0) return ErrnoStatus(errno, path);
    finding.mended = true;
  }
  Add(std::move(finding));
  return absl::OkStatus();
}

absl::Status Checking::CheckLogs() {
  std::error_code error;
  std::vector<std::string> paths;
  for (fs::recursive_directory_iterator it(In("logs"), error), end; !error && it != end;
       it.increment(error)) {
    const std::string path = it->path().string();
    if (path.ends_with(".log") || path.ends_with(".log.zst")) paths.push_back(path);
  }
  std::sort(paths.begin(), paths.end());
  for (const std::string& path : paths) {
    const absl::Status checked = path.ends_with(".zst") ? CheckCompressedLog(path) : CheckLog(path);
    if (!absl::IsNotFound(checked)) RETURN_IF_ERROR(checked);
  }
  return absl::OkStatus();
}

absl::StatusOr<CheckReport> Checking::Run() {
  RETURN_IF_ERROR(Begin());
  const absl::Status record = CheckRecord();
  // Damage so grave that nothing more can be asked is damage, too.
  if (absl::IsDataLoss(record)) NoteRecord(std::string(record.message()));
  if (!absl::IsDataLoss(record)) RETURN_IF_ERROR(record);
  options_.tell("the record is checked");
  const bool record_damaged = !report_.clean();
  RETURN_IF_ERROR(CheckBlobs());
  options_.tell(fmt::format("{} blobs are checked", report_.blobs));
  // What a damaged record says that it needs, or that nothing needs, would be guessed.
  if (!record_damaged) RETURN_IF_ERROR(CheckReferences());
  if (!options_.quick) RETURN_IF_ERROR(CheckLogs());
  return std::move(report_);
}

}  // namespace

bool CheckReport::clean() const {
  return std::all_of(findings.begin(), findings.end(),
                     [](const Finding& finding) { return !finding.grave || finding.mended; });
}

int64_t WholeMessages(std::string_view log) {
  size_t whole = 0;
  while (whole < log.size()) {
    uint64_t size = 0;
    size_t at = whole;
    int shift = 0;
    bool ended = false;
    while (at < log.size() && shift < 64 && !ended) {
      const auto byte = static_cast<unsigned char>(log[at++]);
      size |= static_cast<uint64_t>(byte & 0x7f) << shift;
      shift += 7;
      ended = (byte & 0x80) == 0;
    }
    if (!ended || size == 0 || size > log.size() - at || size > static_cast<uint64_t>(INT32_MAX)) break;
    v1::LogChunk chunk;
    if (!chunk.ParseFromArray(log.data() + at, static_cast<int>(size))) break;
    whole = at + size;
  }
  return static_cast<int64_t>(whole);
}

absl::StatusOr<CheckReport> CheckFarm(const CheckOptions& options, Clock& clock) {
  ASSIGN_OR_RETURN(const std::unique_ptr<coordinator::BucketBehind> bucket,
                   coordinator::BucketBehind::Open(options.data_folder));
  return Checking(options, clock, bucket.get()).Run();
}

}  // namespace crossmill::backup
