// Content-addressed blobs: the interface that coordinator (disk), worker and client (remote) and
// tests (memory) implement.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/base/digest.h"

namespace crossmill {

// Reads one blob from an offset on. Not thread safe.
class BlobReader {
 public:
  virtual ~BlobReader() = default;
  // Up to `size` bytes into `buffer`; 0 only at the end. DATA_LOSS at the end of a blob read from its
  // beginning whose bytes do not have its digest.
  virtual absl::StatusOr<size_t> Read(char* buffer, size_t size) = 0;
};

// Writes one blob. Not thread safe. Destroying it without Commit abandons it.
class BlobWriter {
 public:
  virtual ~BlobWriter() = default;
  virtual absl::Status Write(std::string_view bytes) = 0;
  // Makes the blob durable and visible. INVALID_ARGUMENT if a digest was promised and is not met.
  virtual absl::StatusOr<Digest> Commit() = 0;
};

// Thread safe. The empty blob is always present. A blob is never trusted on size or name alone.
class BlobStore {
 public:
  virtual ~BlobStore() = default;
  // Exactly those of `digests` that are not in the store, each once, in order of first mention.
  virtual absl::StatusOr<std::vector<Digest>> FindMissing(absl::Span<const Digest> digests) = 0;
  // NOT_FOUND names the digest.
  virtual absl::StatusOr<std::unique_ptr<BlobReader>> Open(const Digest& digest, int64_t offset) = 0;
  // `expected` may be empty() when the digest is not known before.
  virtual absl::StatusOr<std::unique_ptr<BlobWriter>> Create(const Digest& expected) = 0;
  // A blob that fits in memory. The default goes through Open.
  virtual absl::StatusOr<std::string> Get(const Digest& digest);
  // Several small blobs at once, digest-checked; the default goes through Create.
  virtual absl::Status Put(absl::Span<const std::pair<Digest, std::string>> blobs);
  // One blob.
  absl::StatusOr<Digest> PutBytes(std::string_view bytes);
  bool Has(const Digest& digest);
};

// Copies what is left of `reader` to the file descriptor. Returns the number of bytes.
absl::StatusOr<int64_t> CopyToFile(BlobReader& reader, int fd);

// Blobs in memory: for tests and for small local work. Thread safe.
std::unique_ptr<BlobStore> MakeMemoryBlobStore();

}  // namespace crossmill
