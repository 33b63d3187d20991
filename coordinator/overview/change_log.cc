#include "coordinator/overview/change_log.h"

#include <utility>

namespace crossmill::overview {

void ChangeLog::Note(std::shared_ptr<const v1::BuildView> build) {
  const int64_t id = build->id();
  const auto before = sequence_of_.find(id);
  if (before != sequence_of_.end()) by_sequence_.erase(before->second);
  sequence_of_[id] = ++sequence_;
  by_sequence_[sequence_] = std::move(build);
  if (by_sequence_.size() <= most_builds_) return;
  const auto oldest = by_sequence_.begin();
  known_from_ = oldest->first;
  sequence_of_.erase(oldest->second->id());
  by_sequence_.erase(oldest);
}

FarmNewsItem ChangeLog::Since(int64_t after) const {
  FarmNewsItem news;
  news.sequence = sequence_;
  news.reset = after < known_from_ || after > sequence_;
  if (news.reset) return news;
  for (auto change = by_sequence_.upper_bound(after); change != by_sequence_.end(); ++change)
    news.builds.push_back(change->second);
  return news;
}

}  // namespace crossmill::overview
