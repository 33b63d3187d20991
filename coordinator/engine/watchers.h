// Who watches which build: events and console output on their way to clients.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "coordinator/engine/planning_progress.h"
#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/result.pb.h"

namespace crossmill::coordinator {

// One thing a watcher is told.
struct Watched {
  // All watchers of the build share it.
  std::shared_ptr<const v1::BuildEvent> event = {};
  // How far planning is; with it unset too: a piece of console.
  std::optional<PlanningStep> progress = {};
  int64_t execution = 0;
  uint32_t stage = 0;
  uint32_t replica = 0;
  int64_t offset = 0;
  v1::LogChunk chunk = {};
};

// Events of the build that are on record from number `from` on.
using ReadEvents = std::function<absl::StatusOr<std::vector<v1::BuildEvent>>(int64_t from, int limit)>;

// Chunks of the console of an execution from number `from` on.
using ReadConsole =
    std::function<absl::StatusOr<std::vector<v1::LogChunk>>(int64_t execution, int64_t from, int limit)>;

// What was written of a running step's console before somebody began to watch.
struct PastConsole {
  int64_t execution = 0;
  uint32_t stage = 0;
  uint32_t replica = 0;
  // The next chunk, and the one behind the last.
  int64_t next = 0;
  int64_t end = 0;
};

// One client's queue. It is bounded however slow the client is: events that find no room go, and are read
// from the record when the client takes something again, so that none is missed or comes twice; console
// output that finds no room is lost to it (it can read the log later). Thread safe, but one thread takes.
class Watcher {
 public:
  // Of these many events a client holds copies of its own, read from the record.
  static constexpr int kRecordPage = 128;
  // Of events that wait, all watchers of a build together hold one copy.
  static constexpr size_t kMostWaitingEvents = 1024;
  static constexpr size_t kMostWaitingEventBytes = 4 << 20;
  static constexpr size_t kMostWaitingLogBytes = 16 << 20;
  // What a chunk takes beside its bytes.
  static constexpr size_t kChunkBytes = 256;
  // Of a console that is read so many chunks are in memory at a time.
  static constexpr int kConsolePage = 32;

  // What was published before it was added is read from the record, too.
  Watcher(int64_t from_event, bool logs, ReadEvents read, ReadConsole read_console = nullptr)
      : logs_(logs),
        read_(std::move(read)),
        read_console_(std::move(read_console)),
        next_event_(from_event) {}
  // Before the first Next and before it is added: begins with what is on record, so that an error shows here.
  absl::Status ReadFirst() { return ReadPage(); }
  bool wants_logs() const { return logs_; }
  // Before it is added: is read in pieces, as the client takes them, after the events on record and before
  // what is pushed.
  void AddConsole(const PastConsole& console) { consoles_.push_back(console); }
  void Push(Watched item);
  // No more items will come. `reason`: OK after the build's last event.
  void Close(const absl::Status& reason = absl::OkStatus());
  // Why it was closed.
  absl::Status reason();
  // Called when there may be something to take, in the middle of whatever tells it: it must not wait. Null:
  // nobody is. Called at once if there may be something already.
  void OnReady(std::function<void()> ready);
  // The next item, or nothing after `timeout` or at the end (`ended` tells which).
  std::optional<Watched> Next(std::chrono::milliseconds timeout, bool* ended);

 private:
  // The next event on record, if it was read or has to be.
  std::optional<Watched> NextPast();
  // The next piece of the consoles there were; one that cannot be read is passed over.
  std::optional<Watched> NextOfConsoles();
  std::optional<Watched> TakeWaiting() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Of what is on record; it may be all.
  absl::Status ReadPast();
  absl::Status ReadPage();
  void Fail(const absl::Status& reason);
  void Notify() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const bool logs_;
  const ReadEvents read_;
  const ReadConsole read_console_;
  // Only used by who takes: what was read from the record, and which event comes next.
  std::deque<v1::BuildEvent> past_;
  int64_t next_event_;
  std::deque<PastConsole> consoles_;
  // Of the first of them.
  std::deque<v1::LogChunk> page_;
  Mutex mutex_;
  CondVar wake_;
  std::function<void()> ready_ ABSL_GUARDED_BY(mutex_);
  std::deque<Watched> items_ ABSL_GUARDED_BY(mutex_);
  size_t log_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t events_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t event_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  // Events are on record that do not wait here.
  bool behind_ ABSL_GUARDED_BY(mutex_) = true;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status reason_ ABSL_GUARDED_BY(mutex_);
};

// Thread safe.
class Watchers {
 public:
  void Add(int64_t build, std::shared_ptr<Watcher> watcher);
  void Remove(int64_t build, const std::shared_ptr<Watcher>& watcher);
  void Publish(int64_t build, std::vector<v1::BuildEvent> events);
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
