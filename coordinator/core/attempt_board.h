// Who runs what: every attempt that is queued, held or leased, the stage run that owns it, and the stage
// runs that wait for the step it executes. Pure: it is given the time and does no I/O.
//
// The invariant: a stage run is the owner of one attempt, or waits for one, or is absent. An attempt that
// nobody owns and nobody waits for is over: TakeUnwanted hands it out, at the end of the batch that left it
// so. Whatever ends an attempt gets its owner and its waiters back ([[nodiscard]]), so that nobody who
// counted on it can be forgotten. ninja keeps what is wanted in one `Plan` in the same way.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/base/wiping.h"
#include "coordinator/core/scheduler.h"
#include "crossmill/v1/plan.pb.h"
#include "crossmill/v1/result.pb.h"
#include "crossmill/v1/worker.pb.h"

namespace crossmill::core {

// One run of a stage in a build: replica 0 is the first execution.
struct StageRunId {
  int64_t build = 0;
  int stage = 0;
  int replica = 0;
  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes <=> for a comparison with 0
  auto operator<=>(const StageRunId&) const = default;
};

// One task on its way to a result. The board alone changes it.
struct Attempt {
  TaskId id = 0;
  v1::Task task;
  Requirements requirements;
  // Whose task it is; unset when its build went away while others waited for the step.
  std::optional<StageRunId> owner;
  // Who began it: what the records name.
  StageRunId origin;
  // Who waits for step `position`, in the order they came.
  std::vector<StageRunId> waiters;
  // Per step of the task: index into StagePlan.steps.
  std::vector<int> indexes;
  // Steps finished so far.
  int position = 0;
  // Root file system before step `position`.
  std::vector<v1::Layer> chain;
  // Key of step `position`; empty after the last.
  std::string key;
  // Unix time in nanoseconds.
  int64_t begun_at = 0;
  // It mounts secrets or ssh agents of its owner's client: without an owner it can't be leased.
  bool needs_client = false;
  // Set while it waits for that client, since when.
  std::optional<absl::Time> held_since;
  // People were told that it is held.
  bool hold_told = false;
  // 0: not leased yet.
  LeaseNumber lease = 0;
  std::string worker;
  std::string host;
  bool emulated = false;
  // Record of the running step; 0 before it started.
  int64_t execution = 0;
  int64_t log_chunks = 0;
  // Of its owner, taken when it is leased, gone once sent.
  WipedSecrets<v1::Secret> secrets;

  bool complete() const { return position >= task.steps_size(); }
  const v1::Step& step() const { return task.steps(position); }
  int step_index() const { return indexes[position]; }
  // Owner and waiters.
  std::vector<StageRunId> Runs() const;
};

// A lease that was active before a restart and was not taken up again yet.
struct RestoredLease {
  LeaseNumber lease = 0;
  std::string worker;
  v1::Task task;
  int64_t granted_at = 0;
  // Of the step that was running; 0: none.
  int64_t execution = 0;
  int64_t log_chunks = 0;
  // That step's number.
  uint32_t execution_step = 0;
};

// Who would take the result of a step that is under way for somebody else.
struct Joiner {
  StageRunId run;
  // Only attempts begun then or later count. Unix time in nanoseconds.
  int64_t since = 0;
  bool forbid_emulation = false;
  // Nor one that an accelerator set may make without a comparison.
  bool forbid_acceleration = false;
  // Where its own attempt would not be placed.
  Spread spread = Spread::kNone;
  Places avoid = {};
};

// Not thread safe: the engine owns it. Pointers hold until the next call that is not const.
class AttemptBoard {
 public:
  // ---- beginning and joining ----

  // The owner, which must be absent, gets an attempt: of `attempt` everything but id, key and waiters is
  // given. Returns its id.
  TaskId Begin(Attempt attempt);
  // The run, which must be absent, waits for an attempt under way at a step with this key, if one will do.
  // False: there is none.
  //
  // Single flight: equal steps of concurrent builds are one execution. An attempt will do when its result is
  // one that the joiner would take from the cache, and when waiting for it is no worse than waiting for an
  // attempt of its own: it was begun late enough (--no-cache joins only what began after it was submitted);
  // it is leased where the joiner allows, or still to be placed under the same rules; and
  // `may_share` says that both may see the same secrets. Replicas are executed for their own sake and are
  // never joined. One step is joined, not a task: when it ends the waiters are absent again, walk the cache,
  // and join the next step of the same attempt if that is still theirs.
  bool Join(const std::string& key, const Joiner& joiner,
            const std::function<bool(const Attempt&)>& may_share);

  // ---- its life ----

  void Release(TaskId task);
  void TellHold(TaskId task);
  // `host`: of the assignment's worker.
  void Lease(TaskId task, const Assignment& assignment, const std::string& host,
             WipedSecrets<v1::Secret> secrets);
  // Its requirements have changed: it must keep away from these.
  void Avoid(TaskId task, Places places) { At(task).requirements.avoid = std::move(places); }
  WipedSecrets<v1::Secret> TakeSecrets(TaskId task);
  void StepStarted(TaskId task, int64_t execution);
  // Offset of a further chunk of the running step's console.
  int64_t NextLogChunk(TaskId task);
  // The step under way ended well; the next one goes on from `layer`. Returns who waited for it.
  [[nodiscard]] std::vector<StageRunId> FinishStep(TaskId task, const v1::Layer& layer);

  // ---- leaving and ending ----

  // The run no longer wants what it owns or waits for; nothing if it is absent.
  void Leave(const StageRunId& run);
  // Ends an attempt: its owner and its waiters are absent afterwards, and in what is returned.
  [[nodiscard]] Attempt End(TaskId task);
  // Ends what can't go on: attempts that nobody wants, and attempts without an owner that would need its
  // client and have no lease yet (their waiters have to begin anew). At most so many.
  [[nodiscard]] std::vector<Attempt> TakeUnwanted(size_t most = std::numeric_limits<size_t>::max());
  // TakeUnwanted may find more.
  bool MayHaveUnwanted() const { return !suspects_.empty(); }

  // ---- looking ----

  // Null: there is none.
  const Attempt* Find(TaskId task) const;
  const Attempt* FindLease(LeaseNumber lease) const;
  // Numbers of its steps that have not finished, in order; none without such a lease.
  std::vector<uint32_t> UnfinishedSteps(LeaseNumber lease) const;
  // That the run owns or waits for.
  const Attempt* FindOf(const StageRunId& run) const;
  bool IsPresent(const StageRunId& run) const { return runs_.contains(run); }
  std::vector<const Attempt*> Held() const;
  const std::map<TaskId, Attempt>& all() const { return attempts_; }

  // ---- leases from before a restart ----

  void Expect(const StageRunId& run, RestoredLease lease);
  bool IsExpected(const StageRunId& run) const { return restored_.contains(run); }
  // Nothing: the run had none, or it was taken.
  std::optional<RestoredLease> TakeRestored(const StageRunId& run);
  // Those that runs of the build never took up.
  [[nodiscard]] std::vector<RestoredLease> TakeRestoredOf(int64_t build);

  // What is wrong with the invariant and the indexes, for tests; empty: nothing.
  std::string Violation() const;

 private:
  Attempt& At(TaskId task);
  void Index(Attempt& attempt);
  void Unindex(const Attempt& attempt);
  void NoteIfUnwanted(const Attempt& attempt);

  TaskId next_task_ = 1;
  std::map<TaskId, Attempt> attempts_;
  std::map<LeaseNumber, TaskId> leases_;
  // Attempts that can be joined, by the key of their step under way: several when one is too old or may not
  // be shared.
  std::map<std::string, std::set<TaskId>> keys_;
  // Owners and waiters.
  std::map<StageRunId, TaskId> runs_;
  std::set<TaskId> held_;
  // Whatever may be unwanted; looked at again before it is ended.
  std::set<TaskId> suspects_;
  std::map<StageRunId, RestoredLease> restored_;
};

}  // namespace crossmill::core
