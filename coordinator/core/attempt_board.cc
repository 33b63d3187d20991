#include "coordinator/core/attempt_board.h"

#include <algorithm>

#include "common/base/status.h"
#include "common/plan/step_key.h"
#include "coordinator/core/build_state.h"

namespace crossmill::core {
namespace {

// Nobody gives it the secrets that its task mounts.
bool IsOrphan(const Attempt& attempt) { return !attempt.owner && attempt.needs_client && attempt.lease == 0; }

bool Unwanted(const Attempt& attempt) {
  return IsOrphan(attempt) || (!attempt.owner && attempt.waiters.empty());
}

// A result that the joiner would refuse is not worth waiting for. Before it is placed an attempt goes where
// its own requirements send it: were they not the joiner's, the joiner would share a wait that is not its
// own, for a native worker that it doesn't need, say.
bool PlacementFits(const Attempt& attempt, const Joiner& joiner) {
  const bool may_accelerate = attempt.lease == 0 || attempt.emulated;
  if (joiner.forbid_acceleration && may_accelerate &&
      attempt.task.acceleration() == v1::ACCELERATION_UNSPECIFIED) {
    return false;
  }
  if (attempt.lease == 0) {
    const Requirements& requirements = attempt.requirements;
    return requirements.forbid_emulation == joiner.forbid_emulation && requirements.spread == joiner.spread &&
           (joiner.spread == Spread::kNone || requirements.avoid == joiner.avoid);
  }
  if (joiner.forbid_emulation && attempt.emulated) return false;
  // It failed there already: once more would tell nothing of the others.
  if (joiner.spread == Spread::kHosts) return !joiner.avoid.hosts.contains(attempt.host);
  return joiner.spread == Spread::kNone || !joiner.avoid.workers.contains(attempt.worker);
}

}  // namespace

std::vector<StageRunId> Attempt::Runs() const {
  std::vector<StageRunId> runs = waiters;
  if (owner) runs.insert(runs.begin(), *owner);
  return runs;
}

Attempt& AttemptBoard::At(TaskId task) { return attempts_.at(task); }

// The key of the step under way decides who may join; replicas are executed for their own sake.
void AttemptBoard::Index(Attempt& attempt) {
  attempt.key.clear();
  if (attempt.complete()) return;
  attempt.key = plan::StepKey(attempt.task, DiffIds(attempt.chain), attempt.step());
  if (attempt.task.replica() == 0) keys_[attempt.key].insert(attempt.id);
}

void AttemptBoard::Unindex(const Attempt& attempt) {
  auto found = keys_.find(attempt.key);
  if (found == keys_.end()) return;
  found->second.erase(attempt.id);
  if (found->second.empty()) keys_.erase(found);
}

void AttemptBoard::NoteIfUnwanted(const Attempt& attempt) {
  if (Unwanted(attempt)) suspects_.insert(attempt.id);
}

TaskId AttemptBoard::Begin(Attempt attempt) {
  const TaskId id = attempt.id = next_task_++;
  runs_[attempt.owner.value()] = id;
  if (attempt.lease != 0) leases_[attempt.lease] = id;
  if (attempt.held_since) held_.insert(id);
  Index(attempts_[id] = std::move(attempt));
  return id;
}

bool AttemptBoard::Join(const std::string& key, const Joiner& joiner,
                        const std::function<bool(const Attempt&)>& may_share) {
  const auto found = keys_.find(key);
  if (found == keys_.end()) return false;
  for (TaskId task : found->second) {
    Attempt& attempt = At(task);
    if (attempt.begun_at < joiner.since || !PlacementFits(attempt, joiner) || IsOrphan(attempt) ||
        !may_share(attempt)) {
      continue;
    }
    attempt.waiters.push_back(joiner.run);
    runs_[joiner.run] = task;
    return true;
  }
  return false;
}

void AttemptBoard::Release(TaskId task) {
  At(task).held_since.reset();
  held_.erase(task);
}

void AttemptBoard::TellHold(TaskId task) { At(task).hold_told = true; }

void AttemptBoard::Lease(TaskId task, const Assignment& assignment, const std::string& host,
                         WipedSecrets<v1::Secret> secrets) {
  Attempt& attempt = At(task);
  attempt.lease = assignment.lease;
  attempt.worker = assignment.worker;
  attempt.host = host;
  attempt.emulated = assignment.emulated;
  attempt.secrets = std::move(secrets);
  leases_[assignment.lease] = task;
}

WipedSecrets<v1::Secret> AttemptBoard::TakeSecrets(TaskId task) {
  return std::exchange(At(task).secrets, {});
}

void AttemptBoard::StepStarted(TaskId task, int64_t execution) { At(task).execution = execution; }

int64_t AttemptBoard::NextLogChunk(TaskId task) { return At(task).log_chunks++; }

std::vector<StageRunId> AttemptBoard::FinishStep(TaskId task, const v1::Layer& layer) {
  Attempt& attempt = At(task);
  Unindex(attempt);
  attempt.chain.push_back(layer);
  ++attempt.position;
  attempt.execution = 0;
  attempt.log_chunks = 0;
  std::vector<StageRunId> waiters = std::exchange(attempt.waiters, {});
  for (const StageRunId& run : waiters) runs_.erase(run);
  Index(attempt);
  NoteIfUnwanted(attempt);
  return waiters;
}

void AttemptBoard::Leave(const StageRunId& run) {
  const auto found = runs_.find(run);
  if (found == runs_.end()) return;
  Attempt& attempt = At(found->second);
  if (attempt.owner == run) {
    attempt.owner.reset();
  } else {
    std::erase(attempt.waiters, run);
  }
  runs_.erase(found);
  NoteIfUnwanted(attempt);
}

Attempt AttemptBoard::End(TaskId task) {
  auto node = attempts_.extract(task);
  Attempt attempt = std::move(node.mapped());
  Unindex(attempt);
  if (attempt.lease != 0) leases_.erase(attempt.lease);
  for (const StageRunId& run : attempt.Runs()) runs_.erase(run);
  suspects_.erase(task);
  held_.erase(task);
  return attempt;
}

std::vector<Attempt> AttemptBoard::TakeUnwanted(size_t most) {
  std::vector<Attempt> ended;
  while (!suspects_.empty() && ended.size() < most) {
    const TaskId task = *suspects_.begin();
    suspects_.erase(suspects_.begin());
    const Attempt* attempt = Find(task);
    if (attempt != nullptr && Unwanted(*attempt)) ended.push_back(End(task));
  }
  return ended;
}

const Attempt* AttemptBoard::Find(TaskId task) const {
  const auto found = attempts_.find(task);
  return found == attempts_.end() ? nullptr : &found->second;
}

const Attempt* AttemptBoard::FindLease(LeaseNumber lease) const {
  const auto found = leases_.find(lease);
  return found == leases_.end() ? nullptr : Find(found->second);
}

std::vector<uint32_t> AttemptBoard::UnfinishedSteps(LeaseNumber lease) const {
  std::vector<uint32_t> numbers;
  const Attempt* attempt = FindLease(lease);
  if (attempt == nullptr) return numbers;
  for (int i = attempt->position; i < attempt->task.steps_size(); ++i)
    numbers.push_back(attempt->task.steps(i).number());
  return numbers;
}

const Attempt* AttemptBoard::FindOf(const StageRunId& run) const {
  const auto found = runs_.find(run);
  return found == runs_.end() ? nullptr : Find(found->second);
}

std::vector<const Attempt*> AttemptBoard::Held() const {
  std::vector<const Attempt*> held;
  for (TaskId task : held_) held.push_back(&attempts_.at(task));
  return held;
}

void AttemptBoard::Expect(const StageRunId& run, RestoredLease lease) { restored_[run] = std::move(lease); }

std::optional<RestoredLease> AttemptBoard::TakeRestored(const StageRunId& run) {
  auto node = restored_.extract(run);
  if (node.empty()) return std::nullopt;
  return std::move(node.mapped());
}

std::vector<RestoredLease> AttemptBoard::TakeRestoredOf(int64_t build) {
  std::vector<RestoredLease> leases;
  auto it = restored_.lower_bound(StageRunId{build, 0, 0});
  while (it != restored_.end() && it->first.build == build) {
    leases.push_back(std::move(it->second));
    it = restored_.erase(it);
  }
  return leases;
}

std::string AttemptBoard::Violation() const {
  std::map<StageRunId, TaskId> runs;
  std::map<std::string, std::set<TaskId>> keys;
  std::map<LeaseNumber, TaskId> leases;
  for (const auto& [id, attempt] : attempts_) {
    for (const StageRunId& run : attempt.Runs()) {
      if (!runs.emplace(run, id).second) {
        return fmt::format("stage {} of build {} is on the board twice", run.stage, run.build);
      }
    }
    if (!attempt.key.empty() && attempt.task.replica() == 0) keys[attempt.key].insert(id);
    if (attempt.key.empty() != attempt.complete()) return fmt::format("task {} has a wrong key", id);
    if (attempt.lease != 0) leases[attempt.lease] = id;
    if (attempt.held_since.has_value() != held_.contains(id))
      return fmt::format("task {} is held wrongly", id);
    if (Unwanted(attempt) && !suspects_.contains(id)) return fmt::format("task {} is forgotten", id);
  }
  if (runs != runs_) return "the index of stage runs is wrong";
  if (keys != keys_) return "the index of keys is wrong";
  if (leases != leases_) return "the index of leases is wrong";
  return "";
}

}  // namespace crossmill::core
