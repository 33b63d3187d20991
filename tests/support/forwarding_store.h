// A store that passes everything on to another one: what fakes that change one thing begin with.
#pragma once

#include <memory>
#include <vector>

#include "common/base/blob_store.h"

namespace crossmill {

// As thread safe as `blobs`, which must outlive it.
class ForwardingStore : public BlobStore {
 public:
  explicit ForwardingStore(BlobStore& blobs) : blobs_(blobs) {}
  absl::StatusOr<std::vector<Digest>> FindMissing(absl::Span<const Digest> digests) override {
    return blobs_.FindMissing(digests);
  }
  absl::StatusOr<std::unique_ptr<BlobReader>> Open(const Digest& digest, int64_t offset) override {
    return blobs_.Open(digest, offset);
  }
  absl::StatusOr<std::unique_ptr<BlobWriter>> Create(const Digest& expected) override {
    return blobs_.Create(expected);
  }

 protected:
  BlobStore& blobs_;
};

}  // namespace crossmill
