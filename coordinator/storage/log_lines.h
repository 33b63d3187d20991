// The console of an execution by lines: pages from any line on, and searches.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "coordinator/storage/log_store.h"
#include "crossmill/v1/console.pb.h"

namespace crossmill::storage {

// Thread safe. A log is read whole once to count its lines, and from then on only what is new in it and what
// is asked for: where lines begin is remembered every 256 KiB, of the last 64 logs that were asked about.
class LogLines {
 public:
  // `logs` outlives it.
  explicit LogLines(LogStore& logs) : logs_(logs) {}

  // All but `running`. INVALID_ARGUMENT: a negative number, a search that is too long or no expression.
  absl::StatusOr<v1::ListLogLinesResponse> List(const v1::ListLogLinesRequest& request);

 private:
  struct Index;

  std::shared_ptr<Index> Find(int64_t execution);
  // Counts what has been written since the last time.
  absl::Status Extend(int64_t execution, Index& index);

  LogStore& logs_;
  Mutex mutex_;
  int64_t uses_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<int64_t, std::shared_ptr<Index>> indexes_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill::storage
