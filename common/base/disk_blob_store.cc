#include "common/base/disk_blob_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "common/base/files.h"
#include "common/base/log.h"
#include "common/base/mutex.h"
#include "common/base/status.h"

namespace crossmill {
namespace {

// A writer keeps this much in memory before it opens a file.
constexpr size_t kMemoryLimit = 256 << 10;
// Write-back is started each time this much of a large blob has been written, so that the final sync
// has little left to do.
constexpr int64_t kWriteBackStep = 16 << 20;

class DiskBlobStore final : public BlobStore {
 public:
  DiskBlobStore(std::string folder, UniqueFd lock) : folder_(std::move(folder)), lock_(std::move(lock)) {}

  absl::Status Prepare();

  absl::StatusOr<std::vector<Digest>> FindMissing(absl::Span<const Digest> digests) override;
  absl::StatusOr<std::unique_ptr<BlobReader>> Open(const Digest& digest, int64_t offset) override;
  absl::StatusOr<std::unique_ptr<BlobWriter>> Create(const Digest& expected) override;
  absl::StatusOr<std::string> Get(const Digest& digest) override;
  absl::Status Put(absl::Span<const std::pair<Digest, std::string>> blobs) override;

 private:
  class Reader;
  class Writer;

  // A file in FOLDER/tmp; removed with the object unless it got its name.
  struct Staged {
    Staged() = default;
    Staged(Staged&& other) noexcept
        : digest(std::move(other.digest)), path(std::exchange(other.path, {})), fd(std::move(other.fd)) {}
    ~Staged() {
      if (!path.empty()) unlink(path.c_str());
    }
    Digest digest;
    std::string path;
    UniqueFd fd;
  };

  std::string ShardOf(const std::string& hash) const {
    return fmt::format("{}/blobs/{}", folder_, hash.substr(0, 2));
  }
  std::string PathOf(const std::string& hash) const { return fmt::format("{}/{}", ShardOf(hash), hash); }

  absl::StatusOr<Staged> Stage();
  // Gives digest-checked files their names, durably: one sync per file and one per shard.
  absl::Status Place(absl::Span<Staged> files);
  // Whether the file is there with the right size. Makes its name durable if another thread is still at it.
  absl::StatusOr<bool> Present(const Digest& digest);
  absl::Status SyncShardOf(const std::string& hash);
  absl::StatusOr<UniqueFd> OpenBlob(const Digest& digest);
  // The file behind `fd` does not have the digest of its name.
  absl::Status MoveAside(const Digest& digest, int fd);
  absl::Status Wrap(const absl::Status& status) const {
    return Annotate(status, fmt::format("writing to the blob store in {}", folder_));
  }

  // Constant after construction.
  const std::string folder_;
  const UniqueFd lock_;
  std::atomic<uint64_t> counter_{0};
  Mutex mutex_;
  // Hashes whose file has its name while the shard is not yet synced.
  absl::flat_hash_set<std::string> unsynced_ ABSL_GUARDED_BY(mutex_);
};

class DiskBlobStore::Reader final : public BlobReader {
 public:
  Reader(DiskBlobStore& store, Digest digest, UniqueFd fd, int64_t offset)
      : store_(store), digest_(std::move(digest)), fd_(std::move(fd)), offset_(offset) {
    if (offset == 0) hash_.emplace();
  }

  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    const int64_t left = digest_.size - offset_;
    if (left <= 0 || size == 0) return 0;
    ASSIGN_OR_RETURN(const size_t count,
                     ReadSome(fd_.get(), buffer, std::min(size, static_cast<size_t>(left))));
    if (count == 0) return store_.MoveAside(digest_, fd_.get());
    offset_ += static_cast<int64_t>(count);
    if (hash_.has_value()) {
      hash_->Update(std::string_view(buffer, count));
      // Checked with the last piece, so that a bad blob is never delivered whole.
      if (offset_ == digest_.size && hash_->Finish() != digest_) return store_.MoveAside(digest_, fd_.get());
    }
    return count;
  }

 private:
  DiskBlobStore& store_;
  const Digest digest_;
  const UniqueFd fd_;
  int64_t offset_;
  std::optional<Sha256> hash_;
};

class DiskBlobStore::Writer final : public BlobWriter {
 public:
  Writer(DiskBlobStore& store, Digest expected) : store_(store), expected_(std::move(expected)) {}

  absl::Status Write(std::string_view bytes) override {
    hash_.Update(bytes);
    size_ += static_cast<int64_t>(bytes.size());
    if (!file_.has_value()) {
      memory_.append(bytes);
      return memory_.size() <= kMemoryLimit ? absl::OkStatus() : Spill();
    }
    RETURN_IF_ERROR(store_.Wrap(WriteAll(file_->fd.get(), bytes)));
    if (size_ - written_back_ >= kWriteBackStep) {
      // Only a hint; file systems that do not know it need it least.
      sync_file_range(file_->fd.get(), written_back_, size_ - written_back_, SYNC_FILE_RANGE_WRITE);
      written_back_ = size_;
    }
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

  DiskBlobStore& store_;
  const Digest expected_;
  Sha256 hash_;
  std::string memory_;
  std::optional<Staged> file_;
  int64_t size_ = 0;
  int64_t written_back_ = 0;
};

absl::Status DiskBlobStore::Prepare() {
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

absl::StatusOr<DiskBlobStore::Staged> DiskBlobStore::Stage() {
  Staged staged;
  std::string path = fmt::format("{}/tmp/{}", folder_, counter_.fetch_add(1));
  auto fd = OpenFile(path, O_CREAT | O_EXCL | O_RDWR, 0444);
  if (!fd.ok()) return Wrap(fd.status());
  staged.fd = *std::move(fd);
  staged.path = std::move(path);
  return staged;
}

absl::Status DiskBlobStore::SyncShardOf(const std::string& hash) {
  RETURN_IF_ERROR(Wrap(SyncFolder(ShardOf(hash))));
  MutexLock lock(mutex_);
  unsynced_.erase(hash);
  return absl::OkStatus();
}

absl::Status DiskBlobStore::Place(absl::Span<Staged> files) {
  // Blocks of all files are allocated first: then the first sync carries most of the work of the others.
  if (files.size() > 1) {
    for (const Staged& file : files) sync_file_range(file.fd.get(), 0, 0, SYNC_FILE_RANGE_WRITE);
  }
  for (const Staged& file : files) {
    if (fsync(file.fd.get()) != 0) return Wrap(ErrnoStatus(errno, file.path));
  }
  {
    MutexLock lock(mutex_);
    for (const Staged& file : files) unsynced_.insert(file.digest.hash);
  }
  // An error below leaves hashes in unsynced_: whoever relies on them syncs again.
  std::set<std::string> shards;
  for (Staged& file : files) {
    if (rename(file.path.c_str(), PathOf(file.digest.hash).c_str()) != 0) {
      return Wrap(ErrnoStatus(errno, PathOf(file.digest.hash)));
    }
    file.path.clear();
    shards.insert(ShardOf(file.digest.hash));
  }
  for (const std::string& shard : shards) RETURN_IF_ERROR(Wrap(SyncFolder(shard)));
  MutexLock lock(mutex_);
  for (const Staged& file : files) unsynced_.erase(file.digest.hash);
  return absl::OkStatus();
}

absl::StatusOr<bool> DiskBlobStore::Present(const Digest& digest) {
  if (digest.size == 0) return true;
  if (!IsSha256Hex(digest.hash)) return false;
  struct stat info;
  if (stat(PathOf(digest.hash).c_str(), &info) != 0) {
    if (errno == ENOENT) return false;
    return ErrnoStatus(errno, PathOf(digest.hash));
  }
  if (info.st_size != digest.size) return false;
  {
    MutexLock lock(mutex_);
    if (!unsynced_.contains(digest.hash)) return true;
  }
  RETURN_IF_ERROR(SyncShardOf(digest.hash));
  return true;
}

absl::StatusOr<std::vector<Digest>> DiskBlobStore::FindMissing(absl::Span<const Digest> digests) {
  std::vector<Digest> missing;
  absl::flat_hash_set<Digest> seen;
  for (const Digest& digest : digests) {
    if (!seen.insert(digest).second) continue;
    ASSIGN_OR_RETURN(const bool present, Present(digest));
    if (!present) missing.push_back(digest);
  }
  return missing;
}

absl::Status DiskBlobStore::MoveAside(const Digest& digest, int fd) {
  const std::string path = PathOf(digest.hash);
  struct stat opened;
  struct stat named;
  std::string where = "it has been replaced since";
  // A good file may have taken the name in the meantime.
  if (fstat(fd, &opened) == 0 && stat(path.c_str(), &named) == 0 && opened.st_ino == named.st_ino) {
    const std::string aside = fmt::format("{}/corrupt/{}-{}", folder_, digest.hash, named.st_ino);
    where = rename(path.c_str(), aside.c_str()) == 0 ? fmt::format("moved to {}", aside)
                                                     : fmt::format("could not be moved to {}", aside);
  }
  spdlog::error("blob_corrupt digest={} file={} {}", ToString(digest), path, where);
  return absl::DataLossError(
      fmt::format("blob {} does not have its digest on disk; {}", ToString(digest), where));
}

absl::StatusOr<UniqueFd> DiskBlobStore::OpenBlob(const Digest& digest) {
  const absl::Status absent =
      absl::NotFoundError(fmt::format("blob {} is not in the store", ToString(digest)));
  if (!IsSha256Hex(digest.hash)) return absent;
  auto fd = OpenFile(PathOf(digest.hash), O_RDONLY);
  if (absl::IsNotFound(fd.status())) return absent;
  RETURN_IF_ERROR(fd.status());
  struct stat info;
  if (fstat(fd->get(), &info) != 0) return ErrnoStatus(errno, PathOf(digest.hash));
  if (info.st_size == digest.size) return fd;
  // Either the digest's size lies or the file is damaged.
  Sha256 hash;
  std::string buffer(kMemoryLimit, '\0');
  while (true) {
    ASSIGN_OR_RETURN(const size_t count, ReadSome(fd->get(), buffer.data(), buffer.size()));
    if (count == 0) break;
    hash.Update(std::string_view(buffer.data(), count));
  }
  if (hash.Finish().hash == digest.hash) return absent;
  return MoveAside(digest, fd->get());
}

absl::StatusOr<std::unique_ptr<BlobReader>> DiskBlobStore::Open(const Digest& digest, int64_t offset) {
  if (offset < 0 || offset > digest.size) {
    return absl::OutOfRangeError(fmt::format("offset {} in blob {}", offset, ToString(digest)));
  }
  if (digest.size == 0) return std::make_unique<Reader>(*this, digest, UniqueFd(), 0);
  ASSIGN_OR_RETURN(UniqueFd fd, OpenBlob(digest));
  if (offset > 0 && lseek(fd.get(), offset, SEEK_SET) < 0) return ErrnoStatus(errno, PathOf(digest.hash));
  return std::make_unique<Reader>(*this, digest, std::move(fd), offset);
}

absl::StatusOr<std::string> DiskBlobStore::Get(const Digest& digest) {
  if (digest.size == 0) return std::string();
  ASSIGN_OR_RETURN(UniqueFd fd, OpenBlob(digest));
  std::string content(static_cast<size_t>(digest.size), '\0');
  ASSIGN_OR_RETURN(const size_t count, ReadSome(fd.get(), content.data(), content.size()));
  if (count != content.size() || DigestOf(content) != digest) return MoveAside(digest, fd.get());
  return content;
}

absl::StatusOr<std::unique_ptr<BlobWriter>> DiskBlobStore::Create(const Digest& expected) {
  return std::make_unique<Writer>(*this, expected);
}

absl::Status DiskBlobStore::Put(absl::Span<const std::pair<Digest, std::string>> blobs) {
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

absl::StatusOr<std::unique_ptr<BlobStore>> OpenDiskBlobStore(const std::string& folder) {
  RETURN_IF_ERROR(MakeFolders(folder, 0700));
  ASSIGN_OR_RETURN(UniqueFd lock, OpenFile(folder + "/lock", O_CREAT | O_RDWR, 0600));
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return ErrnoStatus(errno, folder + "/lock");
    return absl::FailedPreconditionError(
        fmt::format("the blob store in {} is in use by another process", folder));
  }
  auto store = std::make_unique<DiskBlobStore>(folder, std::move(lock));
  if (absl::Status status = store->Prepare(); !status.ok()) {
    return Annotate(status, fmt::format("opening the blob store in {}", folder));
  }
  return store;
}

}  // namespace crossmill
