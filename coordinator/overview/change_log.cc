#include "coordinator/overview/change_log.h"

#include <utility>

#include "coordinator/overview/listed_build.h"

namespace crossmill::overview {

NotedBuild ToNote(v1::BuildView build) {
  KeepHeadline(&build);
  const int64_t last_event = build.last_event();
  build.clear_last_event();
  NotedBuild noted;
  noted.state = build.SerializeAsString();
  build.set_last_event(last_event);
  noted.view = std::make_shared<const v1::BuildView>(std::move(build));
  return noted;
}

bool ChangeLog::Note(NotedBuild build) {
  const int64_t id = build.view->id();
  const auto before = sequence_of_.find(id);
  if (before != sequence_of_.end()) {
    const auto entry = by_sequence_.find(before->second);
    if (entry->second.state == build.state) return false;
    by_sequence_.erase(entry);
  }
  sequence_of_[id] = ++sequence_;
  by_sequence_[sequence_] = std::move(build);
  if (by_sequence_.size() <= most_builds_) return true;
  const auto oldest = by_sequence_.begin();
  known_from_ = oldest->first;
  sequence_of_.erase(oldest->second.view->id());
  by_sequence_.erase(oldest);
  return true;
}

FarmChanges ChangeLog::Since(int64_t after) const {
  FarmChanges changes;
  changes.sequence = sequence_;
  changes.reset = after < known_from_ || after > sequence_;
  if (changes.reset) return changes;
  changes.workers = workers_ > after;
  for (auto change = by_sequence_.upper_bound(after); change != by_sequence_.end(); ++change)
    changes.builds.push_back(change->second.view);
  return changes;
}

}  // namespace crossmill::overview
