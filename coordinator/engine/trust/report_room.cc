#include "coordinator/engine/trust/report_room.h"

namespace crossmill::coordinator {
namespace {

// What holds a report takes room, too: there must be an end of empty ones.
constexpr size_t kEach = 500;

}  // namespace

std::shared_ptr<ReportRoom::Place> ReportRoom::Enter(const std::string& worker, size_t bytes) {
  bytes += kEach;
  auto place = std::make_shared<Place>(*this, worker, bytes);
  MutexLock lock(mutex_);
  holders_[worker].bytes += bytes;
  return place;
}

bool ReportRoom::HasRoom(const std::string& worker, std::function<void()> later) {
  MutexLock lock(mutex_);
  const auto found = holders_.find(worker);
  if (stopped_ || found == holders_.end() || found->second.bytes <= most_) return true;
  found->second.later.push_back(std::move(later));
  return false;
}

std::vector<std::string> ReportRoom::Waiting() {
  std::vector<std::string> names;
  MutexLock lock(mutex_);
  for (const auto& [worker, holder] : holders_) {
    if (!holder.later.empty()) names.push_back(worker);
  }
  return names;
}

void ReportRoom::Stop() {
  std::vector<std::function<void()>> later;
  {
    MutexLock lock(mutex_);
    stopped_ = true;
    for (auto& [worker, holder] : holders_) {
      for (auto& call : std::exchange(holder.later, {})) later.push_back(std::move(call));
    }
  }
  for (const auto& call : later) call();
}

void ReportRoom::Leave(const std::string& worker, size_t bytes) {
  std::vector<std::function<void()>> later;
  {
    MutexLock lock(mutex_);
    const auto found = holders_.find(worker);
    Holder& holder = found->second;
    holder.bytes -= bytes;
    if (holder.bytes <= most_) later = std::exchange(holder.later, {});
    if (holder.bytes == 0) holders_.erase(found);
  }
  for (const auto& call : later) call();
}

}  // namespace crossmill::coordinator
