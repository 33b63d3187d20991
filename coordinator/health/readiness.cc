#include "coordinator/health/readiness.h"

#include <utility>

namespace crossmill::coordinator {

void Readiness::Enter(Stage stage) {
  MutexLock lock(mutex_);
  if (stage <= stage_) return;
  stage_ = stage;
  if (listener_) listener_(stage == Stage::kServing);
}

void Readiness::Tell(std::function<void(bool)> listener) {
  MutexLock lock(mutex_);
  listener_ = std::move(listener);
  if (listener_) listener_(stage_ == Stage::kServing);
}

bool Readiness::serves() const {
  MutexLock lock(mutex_);
  return stage_ == Stage::kServing;
}

std::vector<std::string> Readiness::Reasons() const {
  std::vector<std::string> reasons;
  Stage stage;
  {
    MutexLock lock(mutex_);
    stage = stage_;
  }
  if (stage == Stage::kStarting) reasons.emplace_back("starting: not everything runs yet");
  if (stage == Stage::kStopping) reasons.emplace_back("stopping: builds go on when it is started again");
  if (stage == Stage::kRecordFailed)
    reasons.emplace_back("record: it cannot be written, and the coordinator is about to end");
  if (disk_is_full_ && disk_is_full_())
    reasons.emplace_back("disk: there is no room for anything new; builds under way wait or go on");
  return reasons;
}

}  // namespace crossmill::coordinator
