// Uses of blobs of the bucket that its index does not have yet, in a file beside it: what was said of a blob
// by a coordinator that is killed is known to the next one. The index itself is written once a minute, since
// each of its transactions waits for the disk, and who asks for blobs must not.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/base/files.h"
#include "common/base/mutex.h"
#include "common/blobs/blob_name.h"

namespace crossmill::coordinator {

// Thread safe. Outlives a kill of the process, not of the machine.
class NotedUses {
 public:
  // Of a blob, and when (Unix nanoseconds).
  using Use = std::pair<BlobName, int64_t>;

  // Another use of the same blob within so many nanoseconds is not noted: what is read again counts as so
  // much later.
  static constexpr int64_t kCloseBy = 1'000'000'000;

  // `path` and "`path`-before" are its files; what a process before left in them is in `left`, and stays
  // until the next Begin and Forget.
  static absl::StatusOr<std::unique_ptr<NotedUses>> Open(const std::string& path, std::vector<Use>* left);

  // It is in the file when this returns; a file that cannot be written is told in the log, once.
  void Note(absl::Span<const Use> uses);

  // Who writes all uses that are known to the index calls Begin first and Forget behind it: what is noted
  // meanwhile stays. After a Begin without Forget the next Begin keeps what was noted before, too.
  absl::Status Begin();
  absl::Status Forget();

 private:
  explicit NotedUses(std::string path) : path_(std::move(path)) {}
  absl::Status OpenFiles(std::vector<Use>* left);
  std::string Before() const { return path_ + "-before"; }

  const std::string path_;
  Mutex mutex_;
  UniqueFd file_ ABSL_GUARDED_BY(mutex_);
  // The latest in the file.
  absl::flat_hash_map<BlobName, int64_t> noted_ ABSL_GUARDED_BY(mutex_);
  bool failing_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace crossmill::coordinator
