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
// Projects share what there is (fairness/project_shares.h): of the kinds of tasks that a free worker could
// execute the one whose project was given the least for its share is first, and the order above is the one
// among tasks of one project. A task may be confined to some of the workers (placement/realm.h).
//
// No decision walks over all workers or all tasks: what is asked for is indexed, and looks are counted. It
// does look at each kind of which tasks wait, and a project's kinds are its own.
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
#include "coordinator/core/fairness/project_shares.h"
#include "coordinator/core/host_room.h"
#include "coordinator/core/layer_places.h"
#include "coordinator/core/native_backlog.h"
#include "coordinator/core/placement/requirements.h"
#include "coordinator/core/placement/task_queue.h"
#include "coordinator/core/standing/clock_samples.h"
#include "coordinator/core/standing/drained_workers.h"
#include "coordinator/core/standing/platform_load.h"
#include "coordinator/core/standing/worker_changes.h"
#include "coordinator/core/standing/worker_health.h"
#include "coordinator/core/worker_pools.h"
#include "crossmill/v1/worker.pb.h"

namespace crossmill::core {

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
  // Likewise; null: all projects have the usual terms.
  const ProjectTerms* projects = nullptr;
  // The part of the slots, 0 to 1, that replicas get before first executions.
  double verify_reserve = 0;
};

// Snapshot of one worker for display.
struct WorkerStatus {
  v1::WorkerInfo info;
  bool connected = false;
  // By itself, or because it is drained.
  bool draining = false;
  bool drained = false;
  // Gets nothing of builds that are newer than when it was cordoned.
  bool cordoned = false;
  absl::Time last_seen;
  std::map<LeaseNumber, TaskId> leases;
  // Why it gets no new tasks for now.
  std::optional<Unfitness> unfit;
  // v1.HostLoad's.
  uint64_t layers_bytes = 0;
  uint64_t caches_bytes = 0;
  // ClockSamples.
  std::optional<absl::Duration> clock_ahead;
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
  // What the worker's machine measured. `clock_ahead`: what its clock says, less what the coordinator's does.
  void Report(const std::string& worker, const v1::HostLoad& load, absl::Time now,
              std::optional<absl::Duration> clock_ahead = std::nullopt);
  // The stream is gone: nothing new is placed there; its leases expire, and what waits for it stops waiting,
  // after the time-out.
  void Disconnect(const std::string& worker, absl::Time now);
  // Forgets a worker that is not connected, and what it ran: that is lost with it. It has departed then.
  // NOT_FOUND; FAILED_PRECONDITION: it is connected.
  absl::Status RemoveWorker(const std::string& worker);

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
  // Why a queued task has no worker yet, for people; empty for one that is not queued.
  std::string WhyWaiting(TaskId task) const;

  std::set<LeaseNumber> LeasesOf(const std::string& worker) const;
  SchedulerStatus Status() const;
  // What a worker said of itself; empty if it is not known.
  v1::WorkerInfo InfoOf(const std::string& worker) const;

 private:
  // A realm that tasks are confined to.
  struct LiveRealm {
    Realm realm;
    size_t tasks = 0;
  };
  struct Worker {
    // What operators say of it.
    void Follow(const DrainedWorkers& drained);
    // What it executes in which of the realms, and what its slots are counted as.
    void SetPlaces(const std::map<std::string, LiveRealm>& realms);

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
    ClockSamples clock;
    // Its stream is open, but nothing came for longer than the time-out; the next message connects it again.
    bool silent = false;
    absl::Time last_seen;
    std::map<LeaseNumber, TaskId> leases;
    // Set while it is cordoned: the last build that it takes tasks of.
    std::optional<int64_t> cordoned_after;
    // Platforms of `info` as text, in each of the realms that it is in (PlaceOf).
    std::vector<std::string> native;
    std::vector<std::string> emulated;
    // Of it (fairness/project_shares.h), and how many slots are counted there.
    std::string capacity;
    std::pair<std::string, int64_t> counted_slots;
  };
  struct Host {
    HostRoom room;
    std::set<std::string> workers;
  };
  struct Choice {
    std::string worker;
    bool emulated = false;
  };
  using Kind = TaskKind;
  using Task = ScheduledTask;
  using Queue = TaskQueue;
  // Which queues are looked at.
  enum class Pass {
    // Replicas, as long as they hold less than is reserved for them.
    kReserved,
    // All that are not spare.
    kOrdinary,
    kSpare,
  };

  // Somebody present could run it, now or later; or somebody who is not drained either.
  bool IsPossible(const Kind& kind, const Requirements& requirements, bool with_drained = true) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // It executes the kind, and nothing else keeps the task from it but that it is busy or gets no tasks now.
  bool IsPossibleOn(const Worker& worker, const Kind& kind, const Requirements& requirements) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool SpreadAllows(const Worker& worker, const Requirements& requirements) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The worker has a slot for it, and its machine room.
  bool Admits(const Worker& worker, const ExpectedUse& use) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Begins the backlog of a platform with the tasks there are, unless there is one.
  void OpenBacklog(const std::string& platform, absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void BeginIn(NativeBacklog& backlog, Task& task, absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PutInQueue(TaskId id, const Task& task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Leaves an empty queue behind.
  void TakeFromQueue(TaskId id, const Task& task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Of the workers with room the one where it is expected to end first, executed that way.
  // `yields`: not on a worker that another task waits for.
  std::optional<std::string> BestOf(const Task& task, Way way, absl::Time now, bool yields)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::optional<Choice> Choose(const Task& task, absl::Time now, bool yields)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AssignQueued(Pass pass, absl::Time now, std::vector<Assignment>* assignments)
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
  // A task is confined to the realm; of a new one the workers are looked up.
  void EnterRealm(const Realm& realm, absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The worker holds the lease from now on; what is on its host is seen by all workers there.
  void Hold(Worker& worker, LeaseNumber lease, TaskId task, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Drop(Worker& worker, LeaseNumber lease) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Erase(TaskId task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Tells the pools how the worker stands.
  void Refresh(Worker& worker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // After it got or ended a task: its neighbours have another room, too.
  void RefreshWith(Worker& worker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
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
  std::map<std::string, LiveRealm> realms_ ABSL_GUARDED_BY(mutex_);
  ProjectShares shares_ ABSL_GUARDED_BY(mutex_);
  // Workers came or went, or stand elsewhere, since the queues looked.
  bool capacities_moved_ ABSL_GUARDED_BY(mutex_) = false;
  bool any_cordoned_ ABSL_GUARDED_BY(mutex_) = false;
  // The latest time that was told.
  absl::Time told_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  // For IsWaitedFor: which kinds that are not spare wait. Pointers into queues_, good until tasks are queued.
  std::vector<std::pair<const Kind*, const Queue*>> waited_ ABSL_GUARDED_BY(mutex_);
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
