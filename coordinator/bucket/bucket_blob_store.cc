#include "coordinator/bucket/bucket_blob_store.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/time/clock.h"
#include "common/base/status.h"
#include "common/blobs/blob_files.h"
#include "coordinator/bucket/bucket_keeper.h"
#include "coordinator/bucket/bucket_keys.h"
#include "coordinator/bucket/bucket_reads.h"
#include "coordinator/bucket/bucket_uses.h"
#include "coordinator/bucket/noted_uses.h"
#include "coordinator/bucket/waiting_uploads.h"
#include "coordinator/storage/bucket/bucket_index.h"

namespace crossmill::coordinator {
namespace {

bool IsAbsent(const absl::Status& status) { return absl::IsNotFound(status) || absl::IsDataLoss(status); }

class BucketBlobs final : public BucketBlobStore {
 public:
  BucketBlobs(DiskBlobStore& disk, BlobStore& cache, bucket::Bucket& bucket, Clock& clock,
              std::unique_ptr<storage::BucketIndex> index, std::unique_ptr<NotedUses> noted,
              const BucketStoreOptions& options)
      : disk_(disk),
        bucket_(bucket),
        grace_(options.grace),
        index_(std::move(index)),
        noted_(std::move(noted)),
        reads_(disk, cache, bucket, *index_, stop_.get_token()),
        keeper_(disk, bucket, *index_, reads_, waiting_, uses_, *noted_, clock, options) {}
  ~BucketBlobs() override { Stop(); }

  // `left`: uses that a process before noted and did not write to the index.
  absl::Status Begin(absl::Span<const NotedUses::Use> left) {
    for (const auto& [name, used_at] : left) uses_.Touch(name, used_at);
    RETURN_IF_ERROR(keeper_.Claim());
    keeper_.Start();
    return absl::OkStatus();
  }

  // Reads go on: who waits for one has not ended yet.
  void Stop() override { keeper_.Stop(); }

  absl::StatusOr<std::vector<Digest>> FindMissing(absl::Span<const Digest> digests) override {
    ASSIGN_OR_RETURN(const std::vector<Digest> not_on_disk, disk_.FindMissing(digests));
    std::vector<Digest> missing;
    std::vector<NotedUses::Use> used;
    for (const Digest& digest : not_on_disk) {
      ASSIGN_OR_RETURN(const bool known, Use(digest, absl::ZeroDuration(), &used));
      if (!known) missing.push_back(digest);
    }
    noted_->Note(used);
    return missing;
  }

  absl::StatusOr<std::unique_ptr<BlobReader>> Open(const Digest& digest, int64_t offset) override {
    auto reader = disk_.Open(digest, offset);
    if (reader.ok() || !IsAbsent(reader.status()) || !IsSha256Hex(digest.hash)) return reader;
    std::vector<NotedUses::Use> used;
    ASSIGN_OR_RETURN(const bool known, Use(digest, absl::ZeroDuration(), &used));
    if (known) noted_->Note(used);
    return reads_.Open(digest, offset, reader.status());
  }

  absl::StatusOr<std::string> Get(const Digest& digest) override {
    auto content = disk_.Get(digest);
    return content.ok() || !IsAbsent(content.status()) ? content : BlobStore::Get(digest);
  }

  absl::StatusOr<std::unique_ptr<BlobWriter>> Create(const Digest& expected) override;

  absl::Status Put(absl::Span<const std::pair<Digest, std::string>> blobs) override {
    RETURN_IF_ERROR(disk_.Put(blobs));
    for (const auto& [digest, bytes] : blobs) Written(digest);
    return absl::OkStatus();
  }

  BucketStatus status() override {
    BucketStatus status;
    keeper_.Fill(&status);
    status.fetched_blobs = reads_.fetched();
    status.lost_blobs = reads_.lost();
    return status;
  }

  absl::StatusOr<std::string> UrlOf(const Digest& digest, absl::Duration life) override {
    // Used as long as the URL holds: nobody asks here when it is read by it.
    std::vector<NotedUses::Use> used;
    ASSIGN_OR_RETURN(const bool known, Use(digest, life, &used));
    noted_->Note(used);
    if (known) return bucket_.PresignGet(KeyOf(digest.hash), life);
    return absl::NotFoundError(fmt::format("blob {} is not in the bucket", ToString(digest)));
  }

  absl::StatusOr<int64_t> LeaveDisk(int64_t bytes, const std::stop_token& stop) override {
    return keeper_.LeaveDisk(bytes, absl::ToUnixNanos(absl::Now() - grace_), stop);
  }

  absl::StatusOr<bool> IsInBucket(const Digest& digest) override { return index_->Has(digest); }

  absl::StatusOr<std::optional<int64_t>> UsedAt(const BlobName& name) override {
    ASSIGN_OR_RETURN(const std::optional<storage::BucketIndex::Use> known, index_->Find(HashOfName(name)));
    if (!known) return std::nullopt;
    return std::max(known->used_at, uses_.UsedAt(name));
  }

  void SetDiskBudget(int64_t bytes) override { keeper_.SetDiskBudget(bytes); }

  absl::StatusOr<std::vector<BlobUse>> InBucket(int shard) override {
    std::vector<BlobUse> uses;
    ASSIGN_OR_RETURN(const std::vector<storage::BucketIndex::Use> rows, index_->Shard(shard));
    uses.reserve(rows.size());
    for (const storage::BucketIndex::Use& row : rows) {
      if (!IsSha256Hex(row.hash)) continue;
      const BlobName name = NameOfHash(row.hash);
      uses.push_back({name, row.size, std::max(row.used_at, uses_.UsedAt(name))});
    }
    return uses;
  }

  absl::StatusOr<std::optional<std::string>> Peek(const std::string& hash, int64_t most,
                                                  const std::stop_token& stop) override {
    ASSIGN_OR_RETURN(const std::optional<int64_t> size, index_->SizeOf(hash));
    if (!size || *size > most) return std::nullopt;
    std::string content;
    const absl::Status got = bucket_.Get(
        KeyOf(hash), *size, 0, *size,
        [&](std::string_view bytes) {
          content.append(bytes);
          return absl::OkStatus();
        },
        stop);
    if (absl::IsNotFound(got) || absl::IsDataLoss(got)) return std::nullopt;
    if (!got.ok()) return Unavailable(hash, got);
    if (Sha256Hex(content) != hash) return std::nullopt;
    return content;
  }

  absl::StatusOr<bool> RemoveFromBucket(const BlobName& name, int64_t before,
                                        const std::stop_token& stop) override {
    if (!keeper_.owned()) return absl::UnavailableError("the bucket is not known to be this farm's");
    const std::string hash = HashOfName(name);
    ASSIGN_OR_RETURN(const std::optional<storage::BucketIndex::Use> known, index_->Find(hash));
    if (!known || !uses_.BeginRemoval(name, known->used_at, before)) return false;
    const absl::Cleanup end = [&] { uses_.EndRemoval(name); };
    // Forgotten first: whoever asks afterwards makes it again. Until it is gone nobody is told anything, and
    // nobody puts it there again.
    RETURN_IF_ERROR(index_->Forget({hash, known->size}));
    const absl::Status gone = bucket_.Delete(KeyOf(hash), stop);
    if (!gone.ok()) return Unavailable(hash, gone);
    return true;
  }

 private:
  class Writer;

  static absl::Status Unavailable(const std::string& hash, const absl::Status& status) {
    if (absl::IsCancelled(status)) return status;
    return absl::UnavailableError(
        fmt::format("the bucket does not answer for blob {}: {}", hash, Sv(status.message())));
  }

  // Whether it is in the bucket; if so it is used, and stays for the grace time. The caller notes what is
  // added to `used` before it says so to anybody.
  absl::StatusOr<bool> Use(const Digest& digest, absl::Duration life, std::vector<NotedUses::Use>* used) {
    if (!IsSha256Hex(digest.hash)) return false;
    const BlobName name = NameOfHash(digest.hash);
    const int64_t used_at = absl::ToUnixNanos(absl::Now() + life);
    uses_.Touch(name, used_at);
    const absl::StatusOr<bool> known = index_->Has(digest);
    // Of what is not there nothing is noted.
    if (known.ok() && !*known) uses_.Written({{name, used_at}});
    if (known.ok() && *known) used->emplace_back(name, used_at);
    return known;
  }

  void Written(const Digest& digest) {
    if (digest.size > 0) waiting_.Add(digest);
  }

  DiskBlobStore& disk_;
  bucket::Bucket& bucket_;
  const absl::Duration grace_;
  std::stop_source stop_;
  const std::unique_ptr<storage::BucketIndex> index_;
  const std::unique_ptr<NotedUses> noted_;
  WaitingUploads waiting_;
  BucketUses uses_;
  BucketReads reads_;
  BucketKeeper keeper_;
};

class BucketBlobs::Writer final : public BlobWriter {
 public:
  Writer(BucketBlobs& store, std::unique_ptr<BlobWriter> writer)
      : store_(store), writer_(std::move(writer)) {}

  absl::Status Write(std::string_view bytes) override { return writer_->Write(bytes); }
  absl::Status WriteFile(int fd, int64_t offset, int64_t size) override {
    return writer_->WriteFile(fd, offset, size);
  }
  absl::Status WriteBlob(const Digest& blob) override {
    const absl::Status status = writer_->WriteBlob(blob);
    if (status.ok()) parts_.push_back(NameOfHash(blob.hash));
    return status;
  }
  absl::StatusOr<Digest> Commit() override {
    ASSIGN_OR_RETURN(Digest digest, writer_->Commit());
    // Used now: what looks for blobs to leave the disk may have begun before the list of parts was there.
    for (const BlobName& part : parts_) TouchBlob(store_.disk_.folder(), part, store_.disk_.uses());
    store_.Written(digest);
    return digest;
  }

 private:
  BucketBlobs& store_;
  const std::unique_ptr<BlobWriter> writer_;
  std::vector<BlobName> parts_;
};

absl::StatusOr<std::unique_ptr<BlobWriter>> BucketBlobs::Create(const Digest& expected) {
  ASSIGN_OR_RETURN(std::unique_ptr<BlobWriter> writer, disk_.Create(expected));
  return std::make_unique<Writer>(*this, std::move(writer));
}

}  // namespace

absl::StatusOr<std::unique_ptr<BucketBlobStore>> BucketBlobStore::Start(DiskBlobStore& disk, BlobStore& cache,
                                                                        bucket::Bucket& bucket, Clock& clock,
                                                                        BucketStoreOptions options) {
  ASSIGN_OR_RETURN(std::unique_ptr<storage::BucketIndex> index,
                   storage::BucketIndex::Open(options.index_file, bucket.name()));
  RETURN_IF_ERROR(index->NoteClient(options.client));
  std::vector<NotedUses::Use> left;
  ASSIGN_OR_RETURN(std::unique_ptr<NotedUses> noted, NotedUses::Open(options.index_file + "-uses", &left));
  auto store =
      std::make_unique<BucketBlobs>(disk, cache, bucket, clock, std::move(index), std::move(noted), options);
  RETURN_IF_ERROR(store->Begin(left));
  return store;
}

}  // namespace crossmill::coordinator
