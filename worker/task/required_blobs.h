// A blob store for reading what a task names: there, a missing blob is the farm's fault, and must not
// look like a file that a recipe names and that does not exist.
#pragma once

#include "common/base/blob_store.h"

namespace crossmill::worker {

// NOT_FOUND of `blobs` becomes UNAVAILABLE. Thread safe if `blobs` is.
class RequiredBlobs final : public BlobStore {
 public:
  explicit RequiredBlobs(BlobStore& blobs) : blobs_(blobs) {}
  absl::StatusOr<std::vector<Digest>> FindMissing(absl::Span<const Digest> digests) override;
  absl::StatusOr<std::unique_ptr<BlobReader>> Open(const Digest& digest, int64_t offset) override;
  absl::StatusOr<std::unique_ptr<BlobWriter>> Create(const Digest& expected) override;
  absl::StatusOr<std::string> Get(const Digest& digest) override;
  absl::StatusOr<std::vector<std::string>> GetAll(absl::Span<const Digest> digests) override;
  absl::Status Put(absl::Span<const std::pair<Digest, std::string>> blobs) override;

 private:
  BlobStore& blobs_;
};

}  // namespace crossmill::worker
