// Uploads in progress over ByteStream, by client and resource name: what makes a broken upload resumable, and
// what one client may leave lying about.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/blob_store.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"

namespace grpc {
class ServerContextBase;
}

namespace crossmill::coordinator {

// Of one client, but for the times (--limit, docs/operations.md).
struct UploadLimits {
  // Streams at the same time.
  int64_t streams = 256;
  // Uploads that were interrupted and can be gone on with, and their bytes on disk.
  int64_t kept = 64;
  int64_t kept_bytes = int64_t{8} << 30;
  // Seconds that a stream may send nothing.
  int64_t idle_seconds = 120;
  // Seconds for which an interrupted upload is kept.
  int64_t kept_seconds = 600;
};

// Thread safe. What is past its time goes with Sweep; what is too much at once, the longest untouched of the
// same client first. The client then starts again from 0.
class UploadSessions {
 public:
  struct Upload {
    std::unique_ptr<BlobWriter> writer;
    // Bytes written so far.
    int64_t committed = 0;
  };
  // Whose upload, and its resource name: nobody goes on with another's.
  using Key = std::pair<std::string, std::string>;

  // A stream that is open; ends with the object. Not thread safe.
  class Stream {
   public:
    Stream() = default;
    Stream(Stream&& other) noexcept
        : sessions_(std::exchange(other.sessions_, nullptr)), place_(other.place_) {}
    Stream& operator=(Stream&&) = delete;
    ~Stream();
    // The client has to send something from now on, or has.
    void Waits(bool waits);

   private:
    friend class UploadSessions;
    struct Entry {
      std::string client;
      grpc::ServerContextBase* context = nullptr;
      std::optional<absl::Time> waits_since;
    };
    Stream(UploadSessions& sessions, std::list<Entry>::iterator place)
        : sessions_(&sessions), place_(place) {}

    UploadSessions* sessions_ = nullptr;
    std::list<Entry>::iterator place_;
  };

  explicit UploadSessions(Clock& clock, const UploadLimits& limits = {}) : clock_(clock), limits_(limits) {}

  // RESOURCE_EXHAUSTED: the client has as many as it may. The context outlives the stream.
  absl::StatusOr<Stream> Open(const std::string& client, grpc::ServerContextBase* context);
  // Takes the upload out for exclusive use, or nothing if there is none. Waits up to `patience` for another
  // stream that still has it (its connection broke and it has not noticed); then UNAVAILABLE.
  absl::StatusOr<std::optional<Upload>> Take(const Key& key, absl::Duration patience);
  // Puts an interrupted upload back, with what is in it.
  void Put(const Key& key, Upload upload);
  // The upload that was taken is over.
  void Forget(const Key& key);
  // Bytes that have arrived; nothing if the upload is not known. `Progress` keeps it up to date while the
  // upload is taken.
  std::optional<int64_t> Committed(const Key& key);
  void Progress(const Key& key, int64_t committed);

  // Now and then: cancels streams that have sent nothing for too long, and forgets what was kept for too
  // long.
  void Sweep();

 private:
  struct Entry {
    bool taken = false;
    Upload upload;
    // Also while taken.
    int64_t committed = 0;
    absl::Time touched;
  };
  using Entries = std::map<Key, Entry>;

  // Out of the client's uploads that nobody has, until they are within its limits; what went.
  std::list<Upload> TrimOf(const std::string& client) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Clock& clock_;
  const UploadLimits limits_;
  Mutex mutex_;
  CondVar returned_;
  Entries entries_ ABSL_GUARDED_BY(mutex_);
  std::list<Stream::Entry> streams_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, int64_t> streams_of_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill::coordinator
