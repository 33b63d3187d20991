#include "coordinator/engine/planning_progress.h"

namespace crossmill::coordinator {

bool PlanningProgressLog::Report(int64_t build, const PlanningStep& step, Time now) {
  MutexLock lock(mutex_);
  const auto [it, fresh] = builds_[build].try_emplace(step.what, Entry{step, now});
  Entry& entry = it->second;
  const bool was_complete = entry.step.total_bytes > 0 && entry.step.done_bytes >= entry.step.total_bytes;
  entry.step = step;
  const bool complete = step.total_bytes > 0 && step.done_bytes >= step.total_bytes;
  if (!fresh && (!complete || was_complete) && now - entry.told < interval_) return false;
  entry.told = now;
  return true;
}

std::vector<PlanningStep> PlanningProgressLog::Latest(int64_t build) {
  MutexLock lock(mutex_);
  std::vector<PlanningStep> steps;
  const auto found = builds_.find(build);
  if (found == builds_.end()) return steps;
  for (const auto& [what, entry] : found->second) steps.push_back(entry.step);
  return steps;
}

void PlanningProgressLog::Forget(int64_t build) {
  MutexLock lock(mutex_);
  builds_.erase(build);
}

}  // namespace crossmill::coordinator
