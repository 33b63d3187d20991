// A folder of blobs as a disk store keeps it (common/blobs), read beside whoever has the store open, or where
// nobody has: a backup has its blobs in the same form. What has left the disk is read from the bucket behind
// it. Nothing here takes the store's lock or changes anything.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/digest.h"
#include "common/blobs/blob_files.h"
#include "common/blobs/parted_file.h"
#include "coordinator/bucket/bucket_behind.h"

namespace crossmill::backup {

// Where a blob is.
struct StoredFile {
  std::string path;
  // Of the blob.
  int64_t size = 0;
  // Of the file; that of a blob in parts is not the blob's.
  int64_t file_size = 0;
  // Not empty: the file lists its parts.
  std::vector<BlobPart> parts;
  // There is no file: only the bucket has it, as far as its index says.
  bool in_bucket = false;
};

// Told of bytes that were read, to be slowed down; an error ends the reading.
using Pace = std::function<absl::Status(int64_t bytes)>;

// Thread safe; has no state.
class StoredBlobs {
 public:
  // `folder` has them as a store has: DATA/content.
  // `bucket` may be null, and outlives it.
  explicit StoredBlobs(std::string folder, const coordinator::BucketBehind* bucket = nullptr)
      : folder_(std::move(folder)), bucket_(bucket) {}

  // That of the shards.
  std::string folder() const { return folder_ + "/blobs"; }
  // By name and size, as the store itself does (by name alone where the size is not known:
  // storage::kUnknownSize); nothing: it is not there. A file of parts counts when its
  // list can be read and adds up, whether its parts are there or not.
  absl::StatusOr<std::optional<StoredFile>> Find(const Digest& digest) const;
  // The blob's bytes, in order. NOT_FOUND: it, or a part of it, is not there.
  // UNAVAILABLE: only a bucket has it that does not answer.
  absl::Status Read(const Digest& digest, const std::function<absl::Status(std::string_view)>& take) const;
  // A blob of at most `limit` bytes, compared with its digest. DATA_LOSS: it has another one.
  absl::StatusOr<std::string> Get(const Digest& digest, int64_t limit) const;
  // DATA_LOSS: its bytes do not have its digest. NOT_FOUND as of Read.
  absl::Status Verify(const Digest& digest, const Pace& pace) const;

  std::string PathOf(const std::string& hash) const { return BlobPath(folder_, hash); }

 private:
  bool IsWholeOnDisk(const std::vector<BlobPart>& parts) const;
  absl::StatusOr<std::optional<StoredFile>> InBucket(const Digest& digest) const;
  absl::Status ReadPart(const Digest& part, const std::function<absl::Status(std::string_view)>& take) const;

  const std::string folder_;
  const coordinator::BucketBehind* const bucket_;
};

}  // namespace crossmill::backup
