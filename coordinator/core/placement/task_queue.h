// The scheduler's tasks: their kinds, and queues of those of one kind that wait. Pure.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "absl/time/time.h"
#include "coordinator/core/native_backlog.h"
#include "coordinator/core/placement/requirements.h"
#include "coordinator/core/queue_rank.h"
#include "coordinator/core/worker_pools.h"

namespace crossmill::core {

// Tasks of one kind. A picky task (spread, with somebody to avoid) may find nobody where the next one does,
// so theirs are looked at one by one; of the others the first stands for all.
struct TaskKind {
  // Platform and realm, as WorkerPools knows those of workers (PlaceOf).
  std::string place;
  // Any platform will do.
  bool neutral = false;
  bool forbid_emulation = false;
  bool picky = false;
  bool spare = false;
  // A repetition for the comparison.
  bool replica = false;
  // About how many processors: what waits for a whole one must not hold up what needs none.
  int weight = 0;
  // Last: kinds that only differ in it stand beside each other.
  std::string project;

  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes <=> for a comparison with 0
  auto operator<=>(const TaskKind&) const = default;
  bool IsLikeButForProject(const TaskKind& other) const {
    return place == other.place && neutral == other.neutral && forbid_emulation == other.forbid_emulation &&
           picky == other.picky && spare == other.spare && replica == other.replica && weight == other.weight;
  }
};

struct ScheduledTask {
  Requirements requirements;
  TaskKind kind;
  // Its place in the queue of its kind, and among the first of all kinds of its project.
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

struct TaskQueue {
  std::map<QueueRank, TaskId> tasks;
  // Of a picky kind: how many hosts or workers each must avoid.
  std::multiset<size_t> avoided;
  // Of a picky kind: which one to look at first the next time, after many were looked at in vain.
  std::optional<QueueRank> resume;
  // By whose clock its project waits (fairness/project_shares.h), while it has tasks.
  std::string capacity;
  // Nobody could run the first when that was looked at last.
  bool unplaceable = false;
};

// Where a task of that platform waits, or a worker stands, in a realm (KeyOf). Empty platform: any will do.
std::string PlaceOf(const std::string& realm, const std::string& platform);
// Of whom it is to be; empty: any will do.
std::string PlatformOf(const Requirements& requirements);
TaskKind KindOf(const Requirements& requirements);
Avoided AvoidedBy(const Requirements& requirements);
// How many hosts or workers it must avoid.
size_t CountAvoided(const Requirements& requirements);
NativeBacklog::Waiting WaitingOf(TaskId id, const ScheduledTask& task);

}  // namespace crossmill::core
