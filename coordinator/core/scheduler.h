// Places tasks on workers. Pure: it is given the time, does no I/O, and decides only who runs what.
//
// Tasks wait in queues of their kind (what they need and about how much they use), each first come first
// served: what holds up one kind holds up no other. Native workers come before emulated ones: while a native
// worker is present a task waits for it, for as long as emulation is known to take; a task that executes
// nothing (COPY and metadata only) runs on any architecture. A worker whose operator fixed its slots fills
// them; any other takes what its machine has room for (host_room.h), and half as many tasks as it has
// processors whatever the machine does. A worker is present from when it connects until it has been away for
// the time-out: a stream that breaks for a second must neither fail the tasks that wait for its worker nor
// send them to emulation. Tasks of one group (the first execution of a stage and its replicas) can be kept on
// distinct hosts or distinct workers. Leases are numbered and fenced: what is reported under another number
// than the one that is active is refused.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/base/mutex.h"
#include "coordinator/core/host_room.h"
#include "coordinator/core/worker_pools.h"
#include "crossmill/v1/worker.pb.h"

namespace crossmill::core {

using TaskId = uint64_t;
using LeaseNumber = uint64_t;

enum class Spread {
  // Anywhere.
  kNone,
  // On a worker that is not in `excluded_workers` and runs no other task of the group.
  kWorkers,
  // On a host that is not in `excluded_hosts` and runs no other task of the group.
  kHosts,
};

struct Requirements {
  v1::Platform platform;
  // Executes nothing of that platform: any worker will do.
  bool neutral = false;
  bool forbid_emulation = false;
  Spread spread = Spread::kNone;
  // Tasks with the same non-zero group are spread.
  uint64_t group = 0;
  ExpectedUse use;
  // How long it takes under emulation; unset: nobody knows.
  std::optional<absl::Duration> emulated_time;
  // It has the task's layers already. Taken unless another one is much emptier.
  std::string preferred_worker;
  std::set<std::string> excluded_hosts;
  std::set<std::string> excluded_workers;
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

// A task that no present worker can ever run.
struct UnplaceableTask {
  TaskId task;
  std::string reason;
  // Since when nobody could: not since it was queued.
  absl::Time since;
};

struct SchedulerOptions {
  // Silence after which a worker's leases expire and it is no longer present.
  absl::Duration worker_timeout = absl::Seconds(30);
  // A task that waited for a native worker for so many times what it takes under emulation is emulated, if a
  // worker that emulates has room and no task of its kind came before it. With 1 it then takes at most about
  // twice as long as the better of the two would have. 0: never.
  double emulate_after = 1;
};

// Snapshot of one worker for display.
struct WorkerStatus {
  v1::WorkerInfo info;
  bool connected = false;
  bool draining = false;
  absl::Time last_seen;
  std::map<LeaseNumber, TaskId> leases;
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
  // Forgets a queued or leased task.
  void Remove(TaskId task);

  // ABORTED unless `lease` is active and held by `worker`.
  absl::Status Check(LeaseNumber lease, const std::string& worker) const;
  // Ends an active lease and its task: the slot is free again.
  void Finish(LeaseNumber lease);

  std::vector<LostLease> Expire(absl::Time now);
  // Workers that Expire found to be no longer present, each once; connecting again makes them present.
  std::vector<std::string> TakeDeparted();
  // Leases what can be placed now.
  std::vector<Assignment> Assign(absl::Time now);
  // Queued tasks that no present worker can ever run.
  std::vector<UnplaceableTask> Unplaceable(absl::Time now);
  // Some present worker can run it, now or later.
  bool CanRun(const Requirements& requirements) const;

  std::set<LeaseNumber> LeasesOf(const std::string& worker) const;
  std::vector<WorkerStatus> Workers() const;
  // What a worker said of itself; empty if it is not known.
  v1::WorkerInfo InfoOf(const std::string& worker) const;

 private:
  struct Worker {
    v1::WorkerInfo info;
    bool connected = false;
    // Connected, or away for less than the time-out. A draining worker that leaves does not come back.
    bool present = false;
    bool draining = false;
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
    // About how many processors: what waits for a whole one must not hold up what needs none.
    int weight = 0;
    // How long it takes under emulation is known: only then may it be emulated while native workers are busy.
    bool knows_emulated_time = false;
    // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes <=> for a comparison with 0
    auto operator<=>(const Kind&) const = default;
  };
  struct Task {
    Requirements requirements;
    Kind kind;
    // Its place in the queue of its kind; grows over all of them.
    uint64_t place = 0;
    absl::Time queued_at = absl::InfiniteFuture();
    LeaseNumber lease = 0;
    std::string worker;
    // While it is queued and nobody present can ever run it.
    std::optional<absl::Time> unplaceable_since;
  };
  struct Queue {
    std::map<uint64_t, TaskId> tasks;
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
  // Somebody present could run it, now or later.
  bool IsPossible(const Kind& kind, const Requirements& requirements) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool SpreadAllows(const Worker& worker, const Requirements& requirements) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The worker has a slot for it, and its machine room.
  bool Admits(const Worker& worker, const ExpectedUse& use) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The worker to take: `emptiest`, which can run the task, or the one that it prefers.
  std::string Preferred(const Task& task, const std::string& emptiest) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // It waited for a native worker longer than emulation would have taken.
  bool WaitedTooLong(const Task& task, absl::Time now) const;
  std::optional<Choice> Choose(const Task& task, absl::Time now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
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
  std::map<std::string, Worker> workers_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Host> hosts_ ABSL_GUARDED_BY(mutex_);
  WorkerPools pools_ ABSL_GUARDED_BY(mutex_);
  std::map<TaskId, Task> tasks_ ABSL_GUARDED_BY(mutex_);
  std::map<Kind, Queue> queues_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_place_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<LeaseNumber, std::string> lease_workers_ ABSL_GUARDED_BY(mutex_);
  // Leased tasks per group: what is spread looks here.
  std::map<uint64_t, std::set<TaskId>> groups_ ABSL_GUARDED_BY(mutex_);
  std::vector<LostLease> lost_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> departed_ ABSL_GUARDED_BY(mutex_);
  // Nobody's time-out is over before.
  absl::Time next_expiry_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

}  // namespace crossmill::core
