// Reads a folder of the context out of the blob store, many blobs with one call: its Directory messages level
// by level, and the small files some hundred at a time, ahead of whoever writes them.
#pragma once

#include <cstdint>
#include <deque>
#include <future>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "common/base/blob_store.h"

namespace crossmill::worker {

// Files up to this size are read by ContextReader: one call for each would cost more than their bytes.
inline constexpr int64_t kSmallFile = 64 << 10;
inline bool IsSmallFile(const Digest& digest) { return digest.size > 0 && digest.size <= kSmallFile; }

// Not thread safe. `blobs` must outlive it.
class ContextReader {
 public:
  using Directory = build::bazel::remote::execution::v2::Directory;

  // Reads all folders at and below `root`, each once, however often it occurs. Trouble with blobs is
  // UNAVAILABLE or DATA_LOSS.
  static absl::StatusOr<ContextReader> Open(BlobStore& blobs, const Digest& root);

  const Directory& Get(const Digest& digest) const { return directories_.at(digest); }

  // Contents of the small files below the root that are not empty, one after the other: of a folder first its
  // own, then those of its folders.
  absl::StatusOr<std::string> NextSmall();

 private:
  // A place in the tree; what comes next of a folder.
  struct Place {
    const Directory* directory;
    int file = 0;
    int folder = 0;
  };
  using Contents = absl::StatusOr<std::vector<std::string>>;

  explicit ContextReader(BlobStore& blobs) : blobs_(&blobs) {}
  absl::Status ReadFolders(std::vector<Digest> level);
  // The next small files, as many as one call carries.
  std::vector<Digest> NextBatch();
  std::future<Contents> Fetch();

  BlobStore* blobs_;
  // A map whose elements stay where they are, also when the reader is moved.
  std::map<Digest, Directory> directories_;
  // Where reading ahead is. A folder that occurs often is read again each time: what is kept is bounded.
  std::vector<Place> ahead_;
  // The batch that is handed out, and the one on the way.
  std::deque<std::string> ready_;
  std::future<Contents> coming_;
};

}  // namespace crossmill::worker
