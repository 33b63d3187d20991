#include "coordinator/engine/planning/planning_turns.h"

#include <algorithm>

namespace crossmill::coordinator {

void PlanningTurns::Add(int64_t build, bool suspect) { (suspect ? suspects_ : others_).push_back(build); }

void PlanningTurns::Remove(int64_t build) {
  running_.erase(build);
  if (alone_ == build) alone_.reset();
  std::erase(suspects_, build);
  std::erase(others_, build);
}

std::vector<int64_t> PlanningTurns::Begin(absl::Time now) {
  if (!suspects_.empty() && !all_until_) all_until_ = now + kAllAlone;
  if (all_until_ && now >= *all_until_) {
    others_.insert(others_.begin(), suspects_.begin(), suspects_.end());
    suspects_.clear();
    alone_.reset();
  }
  if (alone_ && now < alone_until_) return {};
  alone_.reset();
  std::vector<int64_t> begun;
  if (!suspects_.empty()) {
    begun.push_back(suspects_.front());
    suspects_.pop_front();
    alone_ = begun.front();
    alone_until_ = now + kAlone;
  }
  while (!alone_ && !others_.empty() && running_.size() + begun.size() < kTogether) {
    begun.push_back(others_.front());
    others_.pop_front();
  }
  running_.insert(begun.begin(), begun.end());
  return begun;
}

}  // namespace crossmill::coordinator
