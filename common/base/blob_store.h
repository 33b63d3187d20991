// Content-addressed blobs: the interface that coordinator (disk), worker and client (remote) and
// tests (memory) implement.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/base/digest.h"
#include "common/base/files.h"

namespace crossmill {

// Reads one blob from an offset on. Not thread safe.
class BlobReader {
 public:
  virtual ~BlobReader() = default;
  // Up to `size` bytes into `buffer`; 0 only at the end. DATA_LOSS at the end of a blob read from its
  // beginning whose bytes do not have its digest.
  virtual absl::StatusOr<size_t> Read(char* buffer, size_t size) = 0;
  // The blob's own file where the store keeps it as one, else -1. The reader's; only for reading at offsets
  // of one's own. Its bytes were not compared with the digest.
  virtual int file() const { return -1; }
};

// Writes one blob. Not thread safe. Destroying it without Commit abandons it.
class BlobWriter {
 public:
  virtual ~BlobWriter() = default;
  virtual absl::Status Write(std::string_view bytes) = 0;
  // Appends `size` bytes from `offset` on of a regular file. What Write does by default; a store that is on
  // this machine reads the file itself, perhaps later, so nobody writes to it until Commit returns. The
  // descriptor may be closed at once. FAILED_PRECONDITION, here or from Commit, if the file is shorter.
  virtual absl::Status WriteFile(int fd, int64_t offset, int64_t size);
  // Appends the content of a blob that the same store has, which then need not be there twice. UNIMPLEMENTED
  // (the default) or NOT_FOUND: nothing was appended, and the caller writes the bytes. DATA_LOSS: it is
  // damaged.
  virtual absl::Status WriteBlob(const Digest& blob);
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
  // Several small blobs, in this order; together they fit in memory. The default gets one after the other.
  virtual absl::StatusOr<std::vector<std::string>> GetAll(absl::Span<const Digest> digests);
  // Several small blobs at once, digest-checked; the default goes through Create.
  virtual absl::Status Put(absl::Span<const std::pair<Digest, std::string>> blobs);
  // One blob.
  absl::StatusOr<Digest> PutBytes(std::string_view bytes);
  bool Has(const Digest& digest);
};

// Copies what is left of `reader` to the file descriptor. Returns the number of bytes.
absl::StatusOr<int64_t> CopyToFile(BlobReader& reader, int fd);

// Reads the blob from a file that should hold it. `wrong` is asked for the error when the bytes turn out to
// be too few or, read from the beginning, not those of the digest.
std::unique_ptr<BlobReader> MakeFileBlobReader(Digest digest, UniqueFd file, int64_t offset,
                                               std::function<absl::Status(int file)> wrong);

// Blobs in memory: for tests and for small local work. Thread safe.
std::unique_ptr<BlobStore> MakeMemoryBlobStore();

}  // namespace crossmill
