// Uploads in progress over ByteStream, by resource name: what makes a broken upload resumable.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/blob_store.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"

namespace crossmill::coordinator {

// Thread safe. An upload nobody has touched for ten minutes is forgotten, and so is the longest untouched
// one when there are more than `kMostUploads`; its client then starts again from 0.
class UploadSessions {
 public:
  static constexpr size_t kMostUploads = 512;
  static constexpr absl::Duration kIdleLimit = absl::Minutes(10);

  struct Upload {
    std::unique_ptr<BlobWriter> writer;
    // Bytes written so far.
    int64_t committed = 0;
  };

  explicit UploadSessions(Clock& clock) : clock_(clock) {}

  // Takes the upload out for exclusive use, or nothing if there is none. Waits up to `patience` for another
  // stream that still has it (its connection broke and it has not noticed); then UNAVAILABLE.
  absl::StatusOr<std::optional<Upload>> Take(const std::string& name, absl::Duration patience);
  // Reserves the name for a new upload or puts an interrupted one back, with what is in it.
  void Put(const std::string& name, Upload upload);
  // The upload that was taken is over.
  void Forget(const std::string& name);
  // Bytes that have arrived; nothing if the upload is not known. `Progress` keeps it up to date while the
  // upload is taken.
  std::optional<int64_t> Committed(const std::string& name);
  void Progress(const std::string& name, int64_t committed);

 private:
  struct Entry {
    bool taken = false;
    Upload upload;
    // Also while taken.
    int64_t committed = 0;
    absl::Time touched;
  };

  void RemoveIdle() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Clock& clock_;
  Mutex mutex_;
  CondVar returned_;
  std::map<std::string, Entry> entries_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill::coordinator
