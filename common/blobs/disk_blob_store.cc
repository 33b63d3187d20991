#include "common/blobs/disk_blob_store.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <future>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/time/clock.h"
#include "common/base/file_digest.h"
#include "common/base/files.h"
#include "common/base/log.h"
#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/blobs/blob_files.h"
#include "common/blobs/checked_files.h"
#include "common/blobs/parted_file.h"

namespace crossmill {
namespace {

// A writer keeps this much in memory before it opens a file.
constexpr size_t kMemoryLimit = 256 << 10;
// Write-back is started each time this much of a large blob has been written, so that the final sync
// has little left to do.
constexpr int64_t kWriteBackStep = 16 << 20;
// Blobs from here on are not repeated in others that hold them.
constexpr int64_t kSharedPart = 256 << 10;

// So many files are synced with their whole file system: a thousand at once instead of one after the other,
// at the price of what others have written there.
constexpr size_t kSyncTogether = 64;

class DiskBlobs final : public DiskBlobStore {
 public:
  DiskBlobs(std::string folder, UniqueFd lock) : folder_(std::move(folder)), lock_(std::move(lock)) {}

  absl::Status Prepare();

  absl::StatusOr<std::vector<Digest>> FindMissing(absl::Span<const Digest> digests) override;
  absl::StatusOr<std::unique_ptr<BlobReader>> Open(const Digest& digest, int64_t offset) override;
  absl::StatusOr<std::unique_ptr<BlobWriter>> Create(const Digest& expected) override;
  absl::StatusOr<std::string> Get(const Digest& digest) override;
  absl::Status Put(absl::Span<const std::pair<Digest, std::string>> blobs) override;

  BlobUses& uses() override { return uses_; }
  const std::string& folder() const override { return folder_; }

 private:
  class PartsReader;
  class Writer;

  // A file in FOLDER/tmp; removed with the object unless it got its name.
  struct Staged {
    Staged() = default;
    Staged(Staged&& other) noexcept
        : digest(std::move(other.digest)),
          path(std::exchange(other.path, {})),
          fd(std::move(other.fd)),
          parts(std::move(other.parts)) {}
    ~Staged() {
      if (!path.empty()) unlink(path.c_str());
    }
    Digest digest;
    std::string path;
    UniqueFd fd;
    // Not empty: the file is one of parts.
    std::vector<BlobPart> parts;
  };

  std::string ShardOf(const std::string& hash) const {
    return fmt::format("{}/blobs/{}", folder_, hash.substr(0, 2));
  }
  std::string PathOf(const std::string& hash) const { return BlobPath(folder_, hash); }
  std::string PartsPathOf(const std::string& hash) const { return BlobPartsPath(folder_, hash); }

  // Before looking whether it is there (blob_uses.h). False: it is not known yet.
  bool Touch(const std::string& hash) { return TouchBlob(folder_, NameOfHash(hash), uses_); }
  void Note(const std::string& hash, const struct stat& info) {
    NoteFile(folder_, NameOfHash(hash), BlobForm::kWhole, info, {}, uses_);
  }
  void NoteParts(const std::string& hash, const struct stat& info, absl::Span<const BlobPart> parts) {
    NoteFile(folder_, NameOfHash(hash), BlobForm::kParts, info, NamesOf(parts), uses_);
  }

  absl::StatusOr<Staged> Stage();
  absl::Status SyncEach(absl::Span<const Staged> files) const;
  // Gives digest-checked files their names, durably: a few by a sync each, many by two of the file system.
  absl::Status Place(absl::Span<Staged> files);
  // Whether the blob is there with the right size, as a file or in parts. Makes names durable if another
  // thread is still at it.
  absl::StatusOr<bool> Present(const Digest& digest);
  absl::StatusOr<bool> PresentAsFile(const Digest& digest);
  absl::Status MakeDurable(const std::string& hash);
  absl::Status SyncShardOf(const std::string& hash);
  // The file of a blob that is whole there, NOT_FOUND for others.
  absl::StatusOr<UniqueFd> OpenBlob(const Digest& digest);
  // The parts of a blob that is kept so, with the file that lists them; NOT_FOUND for others.
  absl::StatusOr<std::pair<UniqueFd, std::vector<BlobPart>>> OpenParts(const Digest& digest);
  absl::StatusOr<bool> PresentInParts(const Digest& digest);
  absl::StatusOr<bool> PresentAll(absl::Span<const BlobPart> parts);
  BlobUses::Hold HoldParts(absl::Span<const BlobPart> parts);
  // The file behind `fd` does not have the digest of its name, `path`.
  absl::Status MoveAside(const Digest& digest, const std::string& path, int fd);
  // What this process may not do in its own folder is nobody else's fault.
  absl::Status Wrap(const absl::Status& status) const {
    const absl::Status own =
        absl::IsPermissionDenied(status) ? absl::UnavailableError(status.message()) : status;
    return Annotate(own, fmt::format("writing to the blob store in {}", folder_));
  }

  // Constant after construction.
  const std::string folder_;
  const UniqueFd lock_;
  std::atomic<uint64_t> counter_{0};
  CheckedFiles checked_;
  BlobUses uses_;
  Mutex mutex_;
  // Hashes whose file has its name while the shard is not yet synced.
  absl::flat_hash_set<std::string> unsynced_ ABSL_GUARDED_BY(mutex_);
};

// A blob whose file lists its parts.
class DiskBlobs::PartsReader final : public BlobReader {
 public:
  PartsReader(DiskBlobs& store, BlobUses::Hold held, Digest digest, UniqueFd fd, std::vector<BlobPart> parts,
              int64_t offset)
      : store_(store),
        held_(std::move(held)),
        digest_(std::move(digest)),
        fd_(std::move(fd)),
        parts_(std::move(parts)),
        position_(offset) {
    if (offset == 0) hash_.emplace();
  }

  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    if (position_ >= digest_.size || size == 0) return 0;
    const auto count = ReadPart(buffer, size);
    if (!count.ok()) {
      LogError("blob_parts digest={} error={}", ToString(digest_), count.status().ToString());
      // Anything else (no descriptor left, a disk that cannot be read) says nothing about the bytes.
      if (!absl::IsNotFound(count.status()) && !absl::IsDataLoss(count.status())) return count.status();
    }
    if (!count.ok() || *count == 0) return Broken();
    position_ += static_cast<int64_t>(*count);
    if (hash_.has_value()) {
      hash_->Update(std::string_view(buffer, *count));
      if (position_ == digest_.size && hash_->Finish() != digest_) return Broken();
    }
    return count;
  }

 private:
  // 0 where a file is shorter than it should be.
  absl::StatusOr<size_t> ReadPart(char* buffer, size_t size) {
    while (position_ >= begin_ + parts_[part_].size()) {
      begin_ += parts_[part_].size();
      own_begin_ += parts_[part_].bytes;
      blob_.Reset();
      ++part_;
    }
    const BlobPart& part = parts_[part_];
    const int64_t at = position_ - begin_;
    size = static_cast<size_t>(std::min<int64_t>(static_cast<int64_t>(size), part.size() - at));
    if (part.blob.empty()) return ReadAt(fd_.get(), own_begin_ + at, buffer, size);
    if (!blob_.valid()) {
      ASSIGN_OR_RETURN(blob_, store_.OpenBlob(part.blob));
    }
    return ReadAt(blob_.get(), at, buffer, size);
  }

  // One of the files is wrong. All are read, so that the one that is goes too.
  absl::Status Broken() {
    std::string buffer(kMemoryLimit, '\0');
    for (const BlobPart& part : parts_) {
      if (part.blob.empty()) continue;
      auto reader = store_.Open(part.blob, 0);
      while (reader.ok() && (*reader)->Read(buffer.data(), buffer.size()).value_or(0) > 0) {
      }
    }
    return store_.MoveAside(digest_, store_.PartsPathOf(digest_.hash), fd_.get());
  }

  DiskBlobs& store_;
  // Its parts are opened when they are needed.
  const BlobUses::Hold held_;
  const Digest digest_;
  const UniqueFd fd_;
  const std::vector<BlobPart> parts_;
  std::optional<Sha256> hash_;
  // Of the next byte, in the blob.
  int64_t position_;
  // The part that it is in, where that begins in the blob, and where its bytes begin in the file. Its own
  // file if it is another blob.
  size_t part_ = 0;
  int64_t begin_ = 0;
  int64_t own_begin_ = 0;
  UniqueFd blob_;
};

class DiskBlobs::Writer final : public BlobWriter {
 public:
  Writer(DiskBlobs& store, Digest expected)
      : store_(store), expected_(std::move(expected)), held_(store.uses_) {}

  absl::Status Write(std::string_view bytes) override {
    hash_.Update(bytes);
    own_bytes_ += static_cast<int64_t>(bytes.size());
    if (!file_.has_value()) {
      memory_.append(bytes);
      return memory_.size() <= kMemoryLimit ? absl::OkStatus() : Spill();
    }
    RETURN_IF_ERROR(store_.Wrap(WriteAll(file_->fd.get(), bytes)));
    StartWriteBack();
    return absl::OkStatus();
  }

  absl::Status WriteFile(int fd, int64_t offset, int64_t size) override {
    if (size <= static_cast<int64_t>(kMemoryLimit)) return BlobWriter::WriteFile(fd, offset, size);
    if (!file_.has_value()) RETURN_IF_ERROR(Spill());
    ASSIGN_OR_RETURN(const bool shared, Share(fd, offset, size));
    return shared ? absl::OkStatus() : BlobWriter::WriteFile(fd, offset, size);
  }

  absl::Status WriteBlob(const Digest& blob) override {
    if (blob.size < kSharedPart) return absl::UnimplementedError("small blobs are not shared");
    if (parts_.size() + 2 > kMostParts) return absl::UnimplementedError("no more parts");
    // One that is made of parts itself is copied: parts have no parts.
    const auto fd = store_.OpenBlob(blob);
    if (absl::IsDataLoss(fd.status())) return absl::NotFoundError(fd.status().message());
    RETURN_IF_ERROR(fd.status());
    // A damaged blob must not become part of one whose digest is right for the damage. On another processor
    // where there is one: it takes as long as what is done here. What has just come in was compared then.
    const bool checked = store_.checked_.Knows(blob.hash, fd->get(), absl::Now());
    std::future<absl::StatusOr<Digest>> real;
    if (!checked) real = std::async([&] { return DigestOfFile(fd->get(), blob.size); });
    RETURN_IF_ERROR(Hash(fd->get(), 0, blob.size));
    ASSIGN_OR_RETURN(const Digest digest, checked ? blob : real.get());
    if (digest != blob) return store_.MoveAside(blob, store_.PathOf(blob.hash), fd->get());
    EndOwnPart();
    held_.Add(NameOfHash(blob.hash));
    parts_.push_back({blob, 0});
    return absl::OkStatus();
  }

  absl::StatusOr<Digest> Commit() override {
    Digest digest = hash_.Finish();
    if (!expected_.empty() && digest != expected_) {
      return absl::InvalidArgumentError(
          fmt::format("blob has digest {}, not {}", ToString(digest), ToString(expected_)));
    }
    ASSIGN_OR_RETURN(const bool present, store_.Present(digest));
    if (present) return digest;
    if (!file_.has_value()) RETURN_IF_ERROR(Spill());
    if (!parts_.empty()) {
      EndOwnPart();
      RETURN_IF_ERROR(store_.Wrap(WritePartList(file_->fd.get(), parts_)));
      file_->parts = std::move(parts_);
    }
    file_->digest = digest;
    RETURN_IF_ERROR(store_.Place(absl::MakeSpan(&*file_, 1)));
    return digest;
  }

 private:
  absl::Status Spill() {
    ASSIGN_OR_RETURN(Staged file, store_.Stage());
    file_.emplace(std::move(file));
    RETURN_IF_ERROR(store_.Wrap(WriteAll(file_->fd.get(), memory_)));
    memory_ = std::string();
    return absl::OkStatus();
  }

  // The file's blocks instead of a copy, where the file system can: both files at the beginning of a block,
  // and to the end of one or of the file. It may change afterwards: ours does not.
  absl::StatusOr<bool> Share(int fd, int64_t offset, int64_t size) {
    const file_clone_range range{fd, static_cast<uint64_t>(offset), static_cast<uint64_t>(size),
                                 static_cast<uint64_t>(own_bytes_)};
    if (ioctl(file_->fd.get(), FICLONERANGE, &range) != 0) return false;
    if (lseek(file_->fd.get(), 0, SEEK_END) != own_bytes_ + size) return FileBecameShorter();
    RETURN_IF_ERROR(Hash(file_->fd.get(), own_bytes_, size));
    own_bytes_ += size;
    return true;
  }

  absl::Status Hash(int fd, int64_t offset, int64_t size) { return HashFile(fd, offset, size, &hash_); }

  // What was written since the last part becomes one.
  void EndOwnPart() {
    if (own_bytes_ > own_listed_) parts_.push_back({{}, own_bytes_ - own_listed_});
    own_listed_ = own_bytes_;
  }

  void StartWriteBack() {
    if (own_bytes_ - written_back_ < kWriteBackStep) return;
    // Only a hint; file systems that do not know it need it least.
    sync_file_range(file_->fd.get(), written_back_, own_bytes_ - written_back_, SYNC_FILE_RANGE_WRITE);
    written_back_ = own_bytes_;
  }

  DiskBlobs& store_;
  const Digest expected_;
  // The parts.
  BlobUses::Hold held_;
  Sha256 hash_;
  std::string memory_;
  std::optional<Staged> file_;
  // Of the staged file and what is still in memory.
  int64_t own_bytes_ = 0;
  int64_t written_back_ = 0;
  // Empty until the first blob; of own_bytes_ so many are listed.
  std::vector<BlobPart> parts_;
  int64_t own_listed_ = 0;
};

absl::Status DiskBlobs::Prepare() {
  RETURN_IF_ERROR(RemoveTree(folder_ + "/tmp"));
  RETURN_IF_ERROR(MakeFolders(folder_ + "/tmp", 0700));
  RETURN_IF_ERROR(MakeFolders(folder_ + "/corrupt", 0700));
  // All shards are made now, so that writing a blob never has to.
  for (int shard = 0; shard < 256; ++shard) {
    RETURN_IF_ERROR(MakeFolders(fmt::format("{}/blobs/{:02x}", folder_, shard), 0700));
  }
  RETURN_IF_ERROR(SyncFolder(folder_ + "/blobs"));
  return SyncFolder(folder_);
}

absl::StatusOr<DiskBlobs::Staged> DiskBlobs::Stage() {
  Staged staged;
  std::string path = fmt::format("{}/tmp/{}", folder_, counter_.fetch_add(1));
  auto fd = OpenFile(path, O_CREAT | O_EXCL | O_RDWR, 0444);
  if (!fd.ok()) return Wrap(fd.status());
  staged.fd = *std::move(fd);
  staged.path = std::move(path);
  return staged;
}

absl::Status DiskBlobs::SyncShardOf(const std::string& hash) {
  RETURN_IF_ERROR(Wrap(SyncFolder(ShardOf(hash))));
  MutexLock lock(mutex_);
  unsynced_.erase(hash);
  return absl::OkStatus();
}

absl::Status DiskBlobs::SyncEach(absl::Span<const Staged> files) const {
  // Blocks of all files are allocated first: then the first sync carries most of the work of the others.
  if (files.size() > 1) {
    for (const Staged& file : files) sync_file_range(file.fd.get(), 0, 0, SYNC_FILE_RANGE_WRITE);
  }
  for (const Staged& file : files) {
    if (fsync(file.fd.get()) != 0) return Wrap(ErrnoStatus(errno, file.path));
  }
  return absl::OkStatus();
}

absl::Status DiskBlobs::Place(absl::Span<Staged> files) {
  const bool together = files.size() >= kSyncTogether && SyncfsTellsOfErrors();
  if (together) {
    if (syncfs(files.front().fd.get()) != 0) return Wrap(ErrnoStatus(errno, folder_));
  } else {
    RETURN_IF_ERROR(SyncEach(files));
  }
  {
    MutexLock lock(mutex_);
    for (const Staged& file : files) unsynced_.insert(file.digest.hash);
  }
  // An error below leaves hashes in unsynced_: whoever relies on them syncs again.
  std::set<std::string> shards;
  for (Staged& file : files) {
    const std::string path = file.parts.empty() ? PathOf(file.digest.hash) : PartsPathOf(file.digest.hash);
    if (rename(file.path.c_str(), path.c_str()) != 0) return Wrap(ErrnoStatus(errno, path));
    file.path.clear();
    struct stat info {};
    if (fstat(file.fd.get(), &info) != 0) return Wrap(ErrnoStatus(errno, path));
    file.parts.empty() ? Note(file.digest.hash, info) : NoteParts(file.digest.hash, info, file.parts);
    if (file.parts.empty() && file.digest.size >= kSharedPart)
      checked_.Note(file.digest.hash, file.fd.get(), absl::Now());
    shards.insert(ShardOf(file.digest.hash));
  }
  if (together) {
    if (syncfs(files.front().fd.get()) != 0) return Wrap(ErrnoStatus(errno, folder_));
  } else {
    for (const std::string& shard : shards) RETURN_IF_ERROR(Wrap(SyncFolder(shard)));
  }
  MutexLock lock(mutex_);
  for (const Staged& file : files) unsynced_.erase(file.digest.hash);
  return absl::OkStatus();
}

absl::StatusOr<bool> DiskBlobs::Present(const Digest& digest) {
  if (digest.size == 0) return true;
  if (!IsSha256Hex(digest.hash)) return false;
  ASSIGN_OR_RETURN(bool present, PresentAsFile(digest));
  // Also beside a file of another size, which is damaged.
  if (!present) {
    ASSIGN_OR_RETURN(present, PresentInParts(digest));
  }
  if (present) RETURN_IF_ERROR(MakeDurable(digest.hash));
  return present;
}

absl::StatusOr<bool> DiskBlobs::PresentAsFile(const Digest& digest) {
  // Anything else would be a path of whoever asks: whether there is such a file, and how long, is not theirs.
  if (!IsSha256Hex(digest.hash)) return false;
  const bool known = Touch(digest.hash);
  struct stat info;
  if (stat(PathOf(digest.hash).c_str(), &info) == 0) {
    if (!known) Note(digest.hash, info);
    return info.st_size == digest.size;
  }
  return errno == ENOENT ? absl::StatusOr<bool>(false) : ErrnoStatus(errno, PathOf(digest.hash));
}

absl::Status DiskBlobs::MakeDurable(const std::string& hash) {
  {
    MutexLock lock(mutex_);
    if (!unsynced_.contains(hash)) return absl::OkStatus();
  }
  return SyncShardOf(hash);
}

absl::StatusOr<std::pair<UniqueFd, std::vector<BlobPart>>> DiskBlobs::OpenParts(const Digest& digest) {
  if (!IsSha256Hex(digest.hash)) return absl::NotFoundError("no digest");
  const std::string path = PartsPathOf(digest.hash);
  ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(path, O_RDONLY));
  auto parts = ReadPartList(fd.get());
  if (absl::IsDataLoss(parts.status())) return MoveAside(digest, path, fd.get());
  RETURN_IF_ERROR(parts.status());
  if (SizeOf(*parts) != digest.size) return absl::NotFoundError("another size");
  struct stat info {};
  if (!uses_.KnowsParts(NameOfHash(digest.hash)) && fstat(fd.get(), &info) == 0)
    NoteParts(digest.hash, info, *parts);
  return std::make_pair(std::move(fd), *std::move(parts));
}

absl::StatusOr<bool> DiskBlobs::PresentInParts(const Digest& digest) {
  auto found = OpenParts(digest);
  if (absl::IsNotFound(found.status()) || absl::IsDataLoss(found.status())) return false;
  RETURN_IF_ERROR(found.status());
  return PresentAll(found->second);
}

BlobUses::Hold DiskBlobs::HoldParts(absl::Span<const BlobPart> parts) {
  BlobUses::Hold held(uses_);
  for (const BlobName& part : NamesOf(parts)) held.Add(part);
  return held;
}

absl::StatusOr<bool> DiskBlobs::PresentAll(absl::Span<const BlobPart> parts) {
  for (const BlobPart& part : parts) {
    if (part.blob.empty()) continue;
    ASSIGN_OR_RETURN(const bool present, PresentAsFile(part.blob));
    if (!present) return false;
    RETURN_IF_ERROR(MakeDurable(part.blob.hash));
  }
  return true;
}

absl::StatusOr<std::vector<Digest>> DiskBlobs::FindMissing(absl::Span<const Digest> digests) {
  std::vector<Digest> missing;
  absl::flat_hash_set<Digest> seen;
  for (const Digest& digest : digests) {
    if (!seen.insert(digest).second) continue;
    ASSIGN_OR_RETURN(const bool present, Present(digest));
    if (!present) missing.push_back(digest);
  }
  return missing;
}

absl::Status DiskBlobs::MoveAside(const Digest& digest, const std::string& path, int fd) {
  struct stat opened;
  struct stat named;
  std::string where = "it has been replaced since";
  // A good file may have taken the name in the meantime.
  if (fstat(fd, &opened) == 0 && stat(path.c_str(), &named) == 0 && opened.st_ino == named.st_ino) {
    const std::string aside = fmt::format("{}/corrupt/{}-{}", folder_, digest.hash, named.st_ino);
    const bool moved = rename(path.c_str(), aside.c_str()) == 0;
    where = fmt::format("{} to {}", moved ? "moved" : "could not be moved", aside);
    const BlobForm form = path == PathOf(digest.hash) ? BlobForm::kWhole : BlobForm::kParts;
    if (moved) uses_.Drop(NameOfHash(digest.hash), form);
  }
  LogError("blob_corrupt digest={} file={} {}", ToString(digest), path, where);
  return absl::DataLossError(
      fmt::format("blob {} does not have its digest on disk; {}", ToString(digest), where));
}

absl::StatusOr<UniqueFd> DiskBlobs::OpenBlob(const Digest& digest) {
  const absl::Status absent =
      absl::NotFoundError(fmt::format("blob {} is not in the store", ToString(digest)));
  if (!IsSha256Hex(digest.hash)) return absent;
  const bool known = Touch(digest.hash);
  auto fd = OpenFile(PathOf(digest.hash), O_RDONLY);
  if (absl::IsNotFound(fd.status())) return absent;
  RETURN_IF_ERROR(fd.status());
  struct stat info;
  if (fstat(fd->get(), &info) != 0) return ErrnoStatus(errno, PathOf(digest.hash));
  if (!known) Note(digest.hash, info);
  if (info.st_size == digest.size) return fd;
  // Either the digest's size lies or the file is damaged.
  ASSIGN_OR_RETURN(const Digest real, DigestOfFile(fd->get(), info.st_size));
  if (real.hash == digest.hash) return absent;
  return MoveAside(digest, PathOf(digest.hash), fd->get());
}

absl::StatusOr<std::unique_ptr<BlobReader>> DiskBlobs::Open(const Digest& digest, int64_t offset) {
  if (offset < 0 || offset > digest.size) {
    return absl::OutOfRangeError(fmt::format("offset {} in blob {}", offset, ToString(digest)));
  }
  if (digest.size == 0) return MakeFileBlobReader(digest, {}, 0, {});
  auto fd = OpenBlob(digest);
  // A damaged file may have parts beside it, which were written when it was missed.
  if (absl::IsNotFound(fd.status()) || absl::IsDataLoss(fd.status())) {
    auto parts = OpenParts(digest);
    // Who asks knows nothing of parts.
    if (absl::IsNotFound(parts.status())) return fd.status();
    RETURN_IF_ERROR(parts.status());
    BlobUses::Hold held = HoldParts(parts->second);
    // One without a part is missing, as FindMissing says.
    ASSIGN_OR_RETURN(const bool whole, PresentAll(parts->second));
    if (!whole) return fd.status();
    return std::make_unique<PartsReader>(*this, std::move(held), digest, std::move(parts->first),
                                         std::move(parts->second), offset);
  }
  RETURN_IF_ERROR(fd.status());
  return MakeFileBlobReader(digest, *std::move(fd), offset, [this, digest](int file) {
    return MoveAside(digest, PathOf(digest.hash), file);
  });
}

absl::StatusOr<std::string> DiskBlobs::Get(const Digest& digest) {
  if (digest.size == 0) return std::string();
  auto fd = OpenBlob(digest);
  if (absl::IsNotFound(fd.status()) || absl::IsDataLoss(fd.status())) {
    // A damaged file has gone now: the other way says so if there are no parts.
    auto content = BlobStore::Get(digest);
    return absl::IsNotFound(content.status()) ? fd.status() : content;
  }
  RETURN_IF_ERROR(fd.status());
  std::string content(static_cast<size_t>(digest.size), '\0');
  ASSIGN_OR_RETURN(const size_t count, ReadSome(fd->get(), content.data(), content.size()));
  if (count != content.size() || DigestOf(content) != digest) {
    return MoveAside(digest, PathOf(digest.hash), fd->get());
  }
  return content;
}

absl::StatusOr<std::unique_ptr<BlobWriter>> DiskBlobs::Create(const Digest& expected) {
  return std::make_unique<Writer>(*this, expected);
}

absl::Status DiskBlobs::Put(absl::Span<const std::pair<Digest, std::string>> blobs) {
  std::vector<Staged> files;
  absl::flat_hash_set<Digest> seen;
  for (const auto& [digest, bytes] : blobs) {
    if (DigestOf(bytes) != digest) {
      return absl::InvalidArgumentError(fmt::format("blob does not have the digest {}", ToString(digest)));
    }
    if (!seen.insert(digest).second) continue;
    ASSIGN_OR_RETURN(const bool present, Present(digest));
    if (present) continue;
    ASSIGN_OR_RETURN(Staged file, Stage());
    file.digest = digest;
    RETURN_IF_ERROR(Wrap(WriteAll(file.fd.get(), bytes)));
    files.push_back(std::move(file));
  }
  return Place(absl::MakeSpan(files));
}

}  // namespace

absl::StatusOr<std::unique_ptr<DiskBlobStore>> OpenDiskBlobStore(const std::string& folder) {
  RETURN_IF_ERROR(MakeFolders(folder, 0700));
  ASSIGN_OR_RETURN(UniqueFd lock, OpenFile(folder + "/lock", O_CREAT | O_RDWR, 0600));
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return ErrnoStatus(errno, folder + "/lock");
    return absl::FailedPreconditionError(
        fmt::format("the blob store in {} is in use by another process", folder));
  }
  auto store = std::make_unique<DiskBlobs>(folder, std::move(lock));
  if (absl::Status status = store->Prepare(); !status.ok()) {
    return Annotate(status, fmt::format("opening the blob store in {}", folder));
  }
  return store;
}

}  // namespace crossmill
