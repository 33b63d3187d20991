// Consoles of executions, as files: one file per execution, appended to while the step runs.
//
// File format (docs/formats.md, "logs"): length-delimited crossmill.v1.LogChunk messages (varint size,
// then the message), nothing else. A torn message at the end, left by a crash, is cut. Path:
// FOLDER/LAST-TWO-DIGITS-OF-ID/ID.log; ID.log.zst once it was compressed (logs/compressed_log.h), which only
// who asks for it by path notices.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "crossmill/v1/result.pb.h"

namespace crossmill::storage {

struct LogStoreOptions {
  // Bytes of one log; what comes after is dropped and one last WORKER chunk says so.
  int64_t max_log_bytes = int64_t{64} << 20;
  // Bytes of one log that may wait in memory before they are written. 0: what was appended survives the
  // death of the process (workers bundle their output, so a chunk is worth a write).
  int64_t buffer_bytes = 0;
  // Logs held open; beyond it the one that was not used for longest is closed.
  size_t max_open_logs = 256;
  // What stands for the console of an execution that has none, because a policy removed it; without data: it
  // never had one. May be empty.
  std::function<v1::LogChunk(int64_t execution)> removed = nullptr;
};

// Thread safe. Logs are not synced: after a power failure a log may be shorter than the record says.
// Chunks are counted from 0. An execution without a log reads as an empty one.
class LogStore {
 public:
  explicit LogStore(std::string folder, LogStoreOptions options = {});
  // Writes what waits.
  ~LogStore();
  LogStore(const LogStore&) = delete;
  LogStore& operator=(const LogStore&) = delete;

  // Chunks wait in memory until the buffer is full or the log is read or closed. Ignores a chunk without
  // data. After an error (a full disk) nothing of this chunk is in the log. A closed log is reopened.
  absl::Status Append(int64_t execution, const v1::LogChunk& chunk);
  // At most `limit` chunks from number `from_chunk` on; empty at the end.
  absl::StatusOr<std::vector<v1::LogChunk>> Read(int64_t execution, int64_t from_chunk, int limit);
  // Chunks so far, including the one that says the log was truncated.
  absl::StatusOr<int64_t> ChunkCount(int64_t execution);
  // The highest number from `from` on that has a log, looked for until so many in a row have none; from - 1:
  // none has.
  int64_t Highest(int64_t from, int64_t most_without) const;
  // Of an execution that has ended: from now on the log takes less room, and reads as before. False: there is
  // nothing to compress. A chunk that comes nevertheless undoes it.
  absl::StatusOr<bool> Compress(int64_t execution);
  // Of its file; ".zst" behind it once it is compressed.
  std::string PathOf(int64_t execution) const;
  // As if the execution never had a log.
  absl::Status Discard(int64_t execution);
  // Writes what waits and frees descriptor and index. Never necessary, only early.
  absl::Status Close(int64_t execution);

 private:
  class Log;

  // The log's place, opened or not; may close another log to make room.
  std::shared_ptr<Log> Find(int64_t execution) ABSL_LOCKS_EXCLUDED(mutex_);
  void CloseOldest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string folder_;
  const LogStoreOptions options_;
  // Taken before a Log's own lock, never while holding one.
  Mutex mutex_;
  int64_t uses_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<int64_t, std::shared_ptr<Log>> logs_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill::storage
