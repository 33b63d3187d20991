#include "coordinator/bucket/bucket_reads.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "common/base/log.h"
#include "common/base/room/store_outage.h"
#include "common/base/status.h"
#include "coordinator/bucket/bucket_keys.h"

namespace crossmill::coordinator {
namespace {

// What a reader without a file has in memory.
constexpr int64_t kDirectPiece = int64_t{4} << 20;

}  // namespace

// Reads pieces of the object as they are asked for.
class BucketReads::DirectReader final : public BlobReader {
 public:
  DirectReader(BucketReads& reads, Digest digest, int64_t offset)
      : reads_(reads), digest_(std::move(digest)), position_(offset) {
    if (offset == 0) hash_.emplace();
  }

  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    if (position_ == digest_.size || size == 0) return 0;
    if (used_ == piece_.size()) RETURN_IF_ERROR(FetchPiece());
    const size_t count = piece_.copy(buffer, size, used_);
    used_ += count;
    position_ += static_cast<int64_t>(count);
    if (hash_.has_value()) {
      hash_->Update({buffer, count});
      if (position_ == digest_.size && hash_->Finish() != digest_)
        return reads_.Lost(digest_, absl::DataLossError("its bytes do not have its digest"));
    }
    return count;
  }

 private:
  absl::Status FetchPiece() {
    piece_.clear();
    used_ = 0;
    const absl::Status status = reads_.bucket_.Get(
        KeyOf(digest_.hash), digest_.size, position_, std::min(kDirectPiece, digest_.size - position_),
        [this](std::string_view bytes) {
          piece_.append(bytes);
          return absl::OkStatus();
        },
        reads_.stop_);
    if (absl::IsNotFound(status) || absl::IsDataLoss(status)) return reads_.Lost(digest_, status);
    return reads_.ForReader(digest_, status);
  }

  BucketReads& reads_;
  const Digest digest_;
  int64_t position_;
  std::string piece_;
  size_t used_ = 0;
  std::optional<Sha256> hash_;
};

absl::Status BucketReads::ForReader(const Digest& digest, const absl::Status& status) {
  if (status.ok() || absl::IsCancelled(status)) return status;
  // Wrong keys or a missing bucket are nothing that the blob's reader did: it is there, behind a closed door.
  return absl::UnavailableError(
      fmt::format("blob {} {}: {}", ToString(digest), kBehindAnOutage, Sv(status.message())));
}

absl::Status BucketReads::Lost(const Digest& digest, const absl::Status& how) {
  ++lost_;
  RETURN_IF_ERROR(index_.Forget(digest));
  LogError("bucket_lost digest={} error={}", ToString(digest), Sv(how.message()));
  if (absl::IsNotFound(how)) {
    return absl::NotFoundError(
        fmt::format("blob {} is not in the store: the bucket no longer has it", ToString(digest)));
  }
  // Else the next listing would believe it again.
  if (may_remove_) {
    if (const absl::Status removed = bucket_.Delete(KeyOf(digest.hash), stop_); !removed.ok())
      LogWarning("the damaged object of blob {} stays in the bucket: {}", ToString(digest),
                 Sv(removed.message()));
  }
  return absl::DataLossError(fmt::format("blob {} is damaged in the bucket: {}; it is missing from now on",
                                         ToString(digest), Sv(how.message())));
}

absl::Status BucketReads::FetchOnce(const Digest& digest) {
  ASSIGN_OR_RETURN(const std::unique_ptr<BlobWriter> writer, cache_.Create(digest));
  absl::Status written;
  const absl::Status got = bucket_.Get(
      KeyOf(digest.hash), digest.size, 0, digest.size,
      [&](std::string_view bytes) {
        written = writer->Write(bytes);
        return written;
      },
      stop_);
  RETURN_IF_ERROR(written);
  if (absl::IsNotFound(got) || absl::IsDataLoss(got)) return got;
  RETURN_IF_ERROR(ForReader(digest, got));
  const absl::Status committed = writer->Commit().status();
  return absl::IsInvalidArgument(committed) ? absl::DataLossError("its bytes do not have its digest")
                                            : committed;
}

absl::Status BucketReads::Fetch(const Digest& digest) {
  absl::Status status = FetchOnce(digest);
  // What was damaged on the way only is right the second time.
  if (absl::IsDataLoss(status)) status = FetchOnce(digest);
  if (absl::IsNotFound(status) || absl::IsDataLoss(status)) return Lost(digest, status);
  if (status.ok()) ++fetched_;
  return status;
}

absl::StatusOr<std::unique_ptr<BlobReader>> BucketReads::Open(const Digest& digest, int64_t offset,
                                                              const absl::Status& absent) {
  ASSIGN_OR_RETURN(const bool known, index_.Has(digest));
  if (!known) {
    // Before the first listing nothing is known of what a bucket has not.
    ASSIGN_OR_RETURN(const absl::Time listed, index_.ListedAt());
    if (listed != absl::InfinitePast()) return absent;
  }
  absl::Status fetched;
  {
    ASSIGN_OR_RETURN(const auto hold, KeyedLock::Hold::Wait(fetching_, digest.hash, stop_));
    // Whoever held the key may have brought it.
    auto reader = disk_.Open(digest, offset);
    if (reader.ok()) return reader;
    fetched = Fetch(digest);
    if (fetched.ok()) {
      reader = disk_.Open(digest, offset);
      if (reader.ok() || !absl::IsNotFound(reader.status())) return reader;
    }
  }
  // No room on disk for it, or it had to leave at once.
  if (fetched.ok() || absl::IsResourceExhausted(fetched))
    return std::make_unique<DirectReader>(*this, digest, offset);
  if (absl::IsNotFound(fetched) && !known) return absent;
  return fetched;
}

}  // namespace crossmill::coordinator
