#include "coordinator/bucket/bucket_blob_store.h"

#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "common/base/status.h"
#include "coordinator/bucket/bucket_keeper.h"
#include "coordinator/bucket/bucket_keys.h"
#include "coordinator/bucket/bucket_reads.h"
#include "coordinator/bucket/waiting_uploads.h"
#include "coordinator/storage/bucket/bucket_index.h"

namespace crossmill::coordinator {
namespace {

bool IsAbsent(const absl::Status& status) { return absl::IsNotFound(status) || absl::IsDataLoss(status); }

class BucketBlobs final : public BucketBlobStore {
 public:
  BucketBlobs(DiskBlobStore& disk, BlobStore& cache, bucket::Bucket& bucket, Clock& clock,
              std::unique_ptr<storage::BucketIndex> index, const BucketStoreOptions& options)
      : disk_(disk),
        bucket_(bucket),
        grace_(options.grace),
        index_(std::move(index)),
        reads_(disk, cache, bucket, *index_, stop_.get_token()),
        keeper_(disk, bucket, *index_, reads_, waiting_, clock, options) {}
  ~BucketBlobs() override { Stop(); }

  absl::Status Begin() {
    RETURN_IF_ERROR(keeper_.Claim());
    keeper_.Start();
    return absl::OkStatus();
  }

  // Reads go on: who waits for one has not ended yet.
  void Stop() override { keeper_.Stop(); }

  absl::StatusOr<std::vector<Digest>> FindMissing(absl::Span<const Digest> digests) override {
    ASSIGN_OR_RETURN(const std::vector<Digest> not_on_disk, disk_.FindMissing(digests));
    std::vector<Digest> missing;
    for (const Digest& digest : not_on_disk) {
      ASSIGN_OR_RETURN(const bool known, index_->Has(digest));
      if (!known) missing.push_back(digest);
    }
    return missing;
  }

  absl::StatusOr<std::unique_ptr<BlobReader>> Open(const Digest& digest, int64_t offset) override {
    auto reader = disk_.Open(digest, offset);
    if (reader.ok() || !IsAbsent(reader.status()) || !IsSha256Hex(digest.hash)) return reader;
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
    ASSIGN_OR_RETURN(const bool known, IsInBucket(digest));
    if (known) return bucket_.PresignGet(KeyOf(digest.hash), life);
    return absl::NotFoundError(fmt::format("blob {} is not in the bucket", ToString(digest)));
  }

  absl::StatusOr<int64_t> LeaveDisk(int64_t bytes, const std::stop_token& stop) override {
    return keeper_.LeaveDisk(bytes, absl::ToUnixNanos(absl::Now() - grace_), stop);
  }

  absl::StatusOr<bool> IsInBucket(const Digest& digest) override { return index_->Has(digest); }

  absl::Status RemoveFromBucket(const Digest& digest, const std::stop_token& stop) override {
    if (!keeper_.owned()) return absl::UnavailableError("the bucket is not known to be this farm's");
    // Forgotten first: whoever asks meanwhile makes it again.
    RETURN_IF_ERROR(index_->Forget(digest));
    return bucket_.Delete(KeyOf(digest.hash), stop);
  }

 private:
  class Writer;

  void Written(const Digest& digest) {
    if (digest.size > 0) waiting_.Add(digest);
  }

  DiskBlobStore& disk_;
  bucket::Bucket& bucket_;
  const absl::Duration grace_;
  std::stop_source stop_;
  const std::unique_ptr<storage::BucketIndex> index_;
  WaitingUploads waiting_;
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
    for (const BlobName& part : parts_) store_.disk_.uses().Touch(part, absl::GetCurrentTimeNanos());
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
  auto store = std::make_unique<BucketBlobs>(disk, cache, bucket, clock, std::move(index), options);
  RETURN_IF_ERROR(store->Begin());
  return store;
}

}  // namespace crossmill::coordinator
