// Who watches which build: events and console output on their way to clients.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "common/base/mutex.h"
#include "coordinator/engine/planning_progress.h"
#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/result.pb.h"

namespace crossmill::coordinator {

// One thing a watcher is told.
struct Watched {
  std::optional<v1::BuildEvent> event = {};
  // How far planning is; with it unset too: a piece of console.
  std::optional<PlanningStep> progress = {};
  int64_t execution = 0;
  uint32_t stage = 0;
  uint32_t replica = 0;
  int64_t offset = 0;
  v1::LogChunk chunk = {};
};

// One client's queue. Thread safe.
class Watcher {
 public:
  explicit Watcher(bool logs) : logs_(logs) {}
  bool wants_logs() const { return logs_; }
  void Push(Watched item);
  // No more items will come. `reason`: OK after the build's last event.
  void Close(const absl::Status& reason = absl::OkStatus());
  // Why it was closed.
  absl::Status reason();
  // The next item, or nothing after `timeout` or at the end (`ended` tells which).
  std::optional<Watched> Next(std::chrono::milliseconds timeout, bool* ended);

 private:
  const bool logs_;
  Mutex mutex_;
  CondVar wake_;
  std::deque<Watched> items_ ABSL_GUARDED_BY(mutex_);
  size_t log_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status reason_ ABSL_GUARDED_BY(mutex_);
};

// Thread safe.
class Watchers {
 public:
  void Add(int64_t build, std::shared_ptr<Watcher> watcher);
  void Remove(int64_t build, const std::shared_ptr<Watcher>& watcher);
  void Publish(int64_t build, const std::vector<v1::BuildEvent>& events);
  void PublishLog(int64_t build, const Watched& log);
  void PublishProgress(int64_t build, const PlanningStep& progress);
  // After the last event of a build.
  void Close(int64_t build);
  // Those there are, and all that are added later.
  void CloseAll(const absl::Status& reason);

 private:
  Mutex mutex_;
  std::map<int64_t, std::vector<std::shared_ptr<Watcher>>> watchers_ ABSL_GUARDED_BY(mutex_);
  // Not OK: after CloseAll.
  absl::Status ended_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill::coordinator
