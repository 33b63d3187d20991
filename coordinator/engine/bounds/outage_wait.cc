#include "coordinator/engine/bounds/outage_wait.h"

#include "common/base/room/store_outage.h"

namespace crossmill::coordinator {

bool OutageWait::IsOutage(std::string_view reason) const {
  return away_ && reason.find(kBehindAnOutage) != reason.npos;
}

bool OutageWait::Hold(const core::StageRunId& run, absl::Time now) {
  Waiting& waiting = waiting_.try_emplace(run, Waiting{now, now}).first->second;
  if (now - waiting.since >= kPatience) return false;
  waiting.held_at = now;
  waiting.held = true;
  return true;
}

std::vector<core::StageRunId> OutageWait::TakeDue(absl::Time now) {
  std::vector<core::StageRunId> due;
  if (waiting_.empty()) return due;
  const bool away = away_ && away_();
  for (auto& [run, waiting] : waiting_) {
    if (!waiting.held || now - waiting.held_at < (away ? kLongestPause : kLeastPause)) continue;
    waiting.held = false;
    due.push_back(run);
  }
  return due;
}

void OutageWait::Forget(int64_t build) {
  std::erase_if(waiting_, [build](const auto& entry) { return entry.first.build == build; });
}

}  // namespace crossmill::coordinator
