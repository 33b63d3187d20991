// The bucket behind a data folder, read by whoever has no coordinator: a backup, a check. What is in it says
// DATA/bucket.db, where and by which credentials it is reached, too.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/digest.h"
#include "common/bucket/bucket.h"
#include "coordinator/storage/bucket/bucket_index.h"

namespace crossmill::coordinator {

// Thread safe. Changes nothing, in the index or in the bucket.
class BucketBehind {
 public:
  // Null: the folder has no index of a bucket.
  static absl::StatusOr<std::unique_ptr<BucketBehind>> Open(const std::string& data_folder);
  BucketBehind(storage::BucketIndex::Reader index, bucket::Bucket* bucket)
      : index_(std::move(index)), bucket_(bucket) {}

  // "s3://farm/prefix"
  const std::string& place() const { return index_.place(); }
  // The size of what the index says to be there; nothing: it does not say so. No request.
  absl::StatusOr<std::optional<int64_t>> SizeOf(const std::string& hash) const { return index_.SizeOf(hash); }
  // The index as it is at one moment, into a new file; `step` as of storage::Database::CopyTo.
  absl::Status CopyIndex(const std::string& path, int64_t step_bytes,
                         const std::function<absl::Status(int64_t)>& step) const {
    return index_.CopyTo(path, step_bytes, step);
  }
  // NOT_FOUND: the bucket has it no more, or of another size. UNAVAILABLE: it does not answer.
  absl::Status Confirm(const Digest& digest) const;
  // In order; whether they are the right bytes the caller finds out. Errors as Confirm.
  absl::Status Read(const Digest& digest, const std::function<absl::Status(std::string_view)>& take) const;

 private:
  absl::StatusOr<bucket::Bucket*> Reach() const;

  storage::BucketIndex::Reader index_;
  std::unique_ptr<http::HttpClient> http_;
  std::unique_ptr<bucket::Bucket> own_;
  // Null: what keeps it from being asked is in unreachable_.
  bucket::Bucket* bucket_;
  absl::Status unreachable_;
};

}  // namespace crossmill::coordinator
