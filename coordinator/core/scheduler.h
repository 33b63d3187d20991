// Places tasks on workers. Pure: it is given the time, does no I/O, and decides only who runs what.
//
// Tasks wait in queues of their kind (what they need and about how much they use), the longest path first and
// with ageing (queue_rank.h): what holds up one kind holds up no other. A task goes where it is expected to
// end first: of the workers with room the emptiest ones and those that have its layers are compared by the
// bytes they would still have to fetch and by how full they are. Native workers come before emulated ones:
// while a native worker is present a task waits for it, until emulation is expected to end earlier, or it has
// waited as long as that takes (native_backlog.h); a task that executes nothing (COPY and metadata only) runs
// on any architecture. A worker whose operator fixed its slots fills them; any other takes what its machine
// has room for (host_room.h), and half as many tasks as it has processors whatever the machine does. A worker
// is present from when it connects until it has been away for the time-out: a stream that breaks for a second
// must neither fail the tasks that wait for its worker nor send them to emulation. Tasks of one group (the
// replicas of a stage) are kept on distinct hosts or distinct workers while they run, and away from where
// they must not run. Spare tasks (replicas of a stage whose first execution is not done) come after all
// others: they only get a worker that nobody else waits for, are displaced when a first execution does, and
// wait without complaint where nobody could run them. Leases are numbered and fenced: what is reported under
// another number than the one that is active is refused.
//
// No decision walks over all workers or all tasks: what is asked for is indexed, and looks are counted.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/base/mutex.h"
#include "coordinator/core/expected_time.h"
#include "coordinator/core/host_room.h"
#include "coordinator/core/layer_places.h"
#include "coordinator/core/native_backlog.h"
#include "coordinator/core/queue_rank.h"
#include "coordinator/core/standing/drained_workers.h"
#include "coordinator/core/standing/platform_load.h"
#include "coordinator/core/standing/worker_changes.h"
#include "coordinator/core/standing/worker_health.h"
#include "coordinator/core/worker_pools.h"
#include "crossmill/v1/worker.pb.h"

namespace crossmill::core {

using TaskId = uint64_t;
using LeaseNumber = uint64_t;

enum class Spread {
  // Anywhere.
  kNone,
  // On a worker that is not one of `avoid` and runs no other task of the group.
  kWorkers,
  // On a host that is not one of `avoid` and runs no other task of the group.
  kHosts,
};

struct Places {
  std::set<std::string> hosts;
  std::set<std::string> workers;
  bool operator==(const Places&) const = default;
};

struct Requirements {
  v1::Platform platform;
  // Executes nothing of that platform: any worker will do.
  bool neutral = false;
  bool forbid_emulation = false;
  Spread spread = Spread::kNone;
  // Tasks with the same non-zero group are spread.
  uint64_t group = 0;
  // Only gets what no other task waits for, and gives it back as soon as a first one (without a group) does.
  bool spare = false;
  ExpectedUse use;
  ExpectedTime time;
  // How long the longest chain through it takes: since its build came, itself, and what waits for it
  // (critical_path.h).
  absl::Duration path;
  // What its worker needs, LayerPlaces::Worthwhile.
  std::vector<LayerSize> layers;
  // Of `spread`.
  Places avoid;
  // For messages: "builder on linux/arm64".
  std::string description;
};

struct Assignment {
  LeaseNumber lease;
  TaskId task;
  std::string worker;
  bool emulated;
};

// A lease whose worker fell silent, left, or did not take it up again.
struct LostLease {
  LeaseNumber lease;
  TaskId task;
  std::string worker;
  std::string reason;
};

// A task that no present worker can ever run, or only such as are drained.
struct UnplaceableTask {
  TaskId task;
  std::string reason;
  // Since when nobody could: not since it was queued. Infinite while an operator could undrain somebody.
  absl::Time since;
};

struct SchedulerOptions {
  // Silence after which a worker's leases expire and it is no longer present.
  absl::Duration worker_timeout = absl::Seconds(30);
  // When what waits for a native worker is emulated.
  EmulationPolicy emulation;
  // Not owned; null: none is drained.
  const DrainedWorkers* drained = nullptr;
  // Likewise; null: all are fit.
  const WorkerHealth* health = nullptr;
  // Not owned, told of each; null: nobody counts them. What machines measure is none.
  WorkerChanges* changes = nullptr;
};

// Snapshot of one worker for display.
struct WorkerStatus {
  v1::WorkerInfo info;
  bool connected = false;
  // By itself, or because it is drained.
  bool draining = false;
  bool drained = false;
  absl::Time last_seen;
  std::map<LeaseNumber, TaskId> leases;
  // Why it gets no new tasks for now.
  std::optional<Unfitness> unfit;
  // v1.HostLoad's.
  uint64_t layers_bytes = 0;
  uint64_t caches_bytes = 0;
};

// Snapshot of all.
struct SchedulerStatus {
  // By name.
  std::vector<WorkerStatus> workers;
  // Tasks that wait for a worker.
  int64_t queued = 0;
  // By platform; empty for tasks that any will do for.
  std::map<std::string, PlatformTasks> platforms;
};

// Thread safe: one lock, no calls out of it except `new_lease`, which must not call back.
class Scheduler {
 public:
  // `new_lease` numbers a lease for (task, worker); numbers never repeat, also after a restart.
  using NewLease = std::function<LeaseNumber(TaskId, const std::string& worker)>;

  Scheduler(SchedulerOptions options, NewLease new_lease);

  // A worker is there (again). Returns its leases that are still wanted, of the `reported` ones; all
  // others of that worker are lost and returned by the next Expire.
  std::set<LeaseNumber> Connect(const v1::WorkerInfo& info, const std::set<LeaseNumber>& reported,
                                bool draining, absl::Time now);
  // A worker that was present when the coordinator stopped: it has the time-out to come back.
  void Expect(const v1::WorkerInfo& info, absl::Time now);
  void Heartbeat(const std::string& worker, absl::Time now);
  // What the worker's machine measured.
  void Report(const std::string& worker, const v1::HostLoad& load, absl::Time now);
  // The stream is gone: nothing new is placed there; its leases expire, and what waits for it stops waiting,
  // after the time-out.
  void Disconnect(const std::string& worker, absl::Time now);

  void Enqueue(TaskId task, Requirements requirements, absl::Time now);
  // A lease that was active before a restart: held for its worker until the time-out.
  void Restore(LeaseNumber lease, TaskId task, Requirements requirements, const std::string& worker,
               absl::Time now);
  // From now on a queued task must keep away from these; nothing if it is not queued.
  void Avoid(TaskId task, const Places& places);
  // A leased spare task is one like others from now on; nothing if it is none.
  void Settle(TaskId task);
  // The worker made a layer: it need not fetch it. That it has the layers of the tasks it was given is known.
  void Made(const std::string& worker, const LayerSize& layer);
  // Forgets a queued or leased task.
  void Remove(TaskId task);

  // ABORTED unless `lease` is active and held by `worker`.
  absl::Status Check(LeaseNumber lease, const std::string& worker) const;
  // Ends an active lease and its task: the slot is free again.
  void Finish(LeaseNumber lease);

  std::vector<LostLease> Expire(absl::Time now);
  // Workers that Expire found to be no longer present, each once; connecting again makes them present.
  std::vector<std::string> TakeDeparted();
  // Leases what can be placed now. Adds to `displaced`, if it is there, the leased spare tasks that are in
  // the way of a first execution: when they are removed there is room to assign again.
  std::vector<Assignment> Assign(absl::Time now, std::vector<TaskId>* displaced = nullptr);
  // Queued tasks that no present worker can ever run, or (told once) only drained ones; without spare ones.
  std::vector<UnplaceableTask> Unplaceable(absl::Time now);
  // Some present worker can run it, now or later.
  bool CanRun(const Requirements& requirements) const;

  std::set<LeaseNumber> LeasesOf(const std::string& worker) const;
  SchedulerStatus Status() const;
  // What a worker said of itself; empty if it is not known.
  v1::WorkerInfo InfoOf(const std::string& worker) const;

 private:
  struct Worker {
    v1::WorkerInfo info;
    bool connected = false;
    // Connected, or away for less than the time-out. A draining worker that leaves does not come back.
    bool present = false;
    bool draining = false;
    // An operator said so; unlike one that drains by itself it comes back.
    bool drained = false;
    // Of those: its results are not believed. It is as good as away.
    bool distrusted = false;
    // As WorkerHealth has it. What waits for it waits on while it rests, and while its disk may get room by
    // what it runs.
    std::optional<Unfitness> unfit;
    // v1.HostLoad's.
    uint64_t layers_bytes = 0;
    uint64_t caches_bytes = 0;
    // Its stream is open, but nothing came for longer than the time-out; the next message connects it again.
    bool silent = false;
    absl::Time last_seen;
    std::map<LeaseNumber, TaskId> leases;
    // Platforms of `info` as text.
    std::vector<std::string> native;
    std::vector<std::string> emulated;
  };
  // Tasks of one kind. A picky task (spread, with somebody to avoid) may find nobody where the next one does,
  // so theirs are looked at one by one; of the others the first stands for all.
  struct Kind {
    // Empty: any platform will do.
    std::string platform;
    bool forbid_emulation = false;
    bool picky = false;
    bool spare = false;
    // About how many processors: what waits for a whole one must not hold up what needs none.
    int weight = 0;
    // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes <=> for a comparison with 0
    auto operator<=>(const Kind&) const = default;
  };
  struct Task {
    Requirements requirements;
    Kind kind;
    // Its place in the queue of its kind, and among the first of all kinds.
    QueueRank rank;
    absl::Time queued_at = absl::InfiniteFuture();
    LeaseNumber lease = 0;
    std::string worker;
    // While it runs natively: its end as the backlog was told it.
    std::optional<absl::Time> native_until;
    // While it is queued and nobody present can ever run it.
    std::optional<absl::Time> unplaceable_since;
    // People were told that only drained workers could run it.
    bool wait_told = false;
  };
  struct Queue {
    std::map<QueueRank, TaskId> tasks;
    // Of a picky kind: how many hosts or workers each must avoid.
    std::multiset<size_t> avoided;
    // Of a picky kind: which one to look at first the next time, after many were looked at in vain.
    std::optional<QueueRank> resume;
    // Nobody could run the first when that was looked at last.
    bool unplaceable = false;
  };
  struct Host {
    HostRoom room;
    std::set<std::string> workers;
  };
  struct Choice {
    std::string worker;
    bool emulated = false;
  };

  static Kind KindOf(const Requirements& requirements);
  static Avoided AvoidedBy(const Requirements& requirements);
  // Somebody present could run each task of the queue, found without a look at them.
  bool AreAllPossible(const Kind& kind, const Queue& queue, bool with_drained = true) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Somebody present could run it, now or later; or somebody who is not drained either.
  bool IsPossible(const Kind& kind, const Requirements& requirements, bool with_drained = true) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool SpreadAllows(const Worker& worker, const Requirements& requirements) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The worker has a slot for it, and its machine room.
  bool Admits(const Worker& worker, const ExpectedUse& use) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Begins the backlog of a platform with the tasks there are, unless there is one.
  void OpenBacklog(const std::string& platform, absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void BeginIn(NativeBacklog& backlog, Task& task, absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static NativeBacklog::Waiting WaitingOf(TaskId id, const Task& task);
  void PutInQueue(TaskId id, const Task& task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Leaves an empty queue behind.
  void TakeFromQueue(TaskId id, const Task& task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Of the workers with room the one where it is expected to end first, executed that way.
  std::optional<std::string> BestOf(const Task& task, Way way, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::optional<Choice> Choose(const Task& task, absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Of the queues of spare tasks, or of those of all others.
  void AssignQueued(bool spare, absl::Time now, std::vector<Assignment>* assignments)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // A task that is not spare waits, and could run there.
  bool IsWaitedFor(const Worker& worker) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // For each kind of first executions that wait natively, the youngest spare task on a worker for them.
  std::vector<TaskId> InTheWay() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Of the tasks that could not be placed natively those that end earlier under emulation.
  void AssignEmulated(absl::Time now, std::vector<Assignment>* assignments)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Assignment Grant(TaskId id, Task& task, Choice choice, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::string WhyUnplaceable(const Task& task) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  void SetInfo(Worker& worker, const v1::WorkerInfo& info, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The worker holds the lease from now on; what is on its host is seen by all workers there.
  void Hold(Worker& worker, LeaseNumber lease, TaskId task, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Drop(Worker& worker, LeaseNumber lease) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Erase(TaskId task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Tells the pools how the worker stands.
  void Refresh(const Worker& worker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // After it got or ended a task: its neighbours have another room, too.
  void RefreshWith(const Worker& worker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RefreshHost(const std::string& host) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Lose(Worker& worker, LeaseNumber lease, std::string reason) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Depart(Worker& worker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const SchedulerOptions options_;
  const NewLease new_lease_;

  mutable Mutex mutex_;
  std::unordered_map<std::string, Worker> workers_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<std::string, Host> hosts_ ABSL_GUARDED_BY(mutex_);
  WorkerPools pools_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<TaskId, Task> tasks_ ABSL_GUARDED_BY(mutex_);
  std::map<Kind, Queue> queues_ ABSL_GUARDED_BY(mutex_);
  // Of each platform that some worker emulates or has emulated: where nobody could, nobody asks.
  std::map<std::string, NativeBacklog> backlogs_ ABSL_GUARDED_BY(mutex_);
  LayerPlaces layers_ ABSL_GUARDED_BY(mutex_);
  PlatformLoad load_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_place_ ABSL_GUARDED_BY(mutex_) = 0;
  // Among many workers with a layer others are looked at each time.
  uint64_t turn_ ABSL_GUARDED_BY(mutex_) = 0;
  std::unordered_map<LeaseNumber, std::string> lease_workers_ ABSL_GUARDED_BY(mutex_);
  // Spare tasks that are leased, by their leases.
  std::map<LeaseNumber, TaskId> spare_leases_ ABSL_GUARDED_BY(mutex_);
  // Leased tasks per group: what is spread looks here.
  std::map<uint64_t, std::set<TaskId>> groups_ ABSL_GUARDED_BY(mutex_);
  std::vector<LostLease> lost_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> departed_ ABSL_GUARDED_BY(mutex_);
  // DrainedWorkers::changes when it was looked at last.
  uint64_t drained_changes_ ABSL_GUARDED_BY(mutex_) = 0;
  // Likewise of WorkerHealth, and when the next rest ends.
  uint64_t health_changes_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Time next_rest_end_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();
  // Nobody's time-out is over before.
  absl::Time next_expiry_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

}  // namespace crossmill::core
