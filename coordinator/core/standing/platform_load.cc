#include "coordinator/core/standing/platform_load.h"

namespace crossmill::core {

void PlatformLoad::Queue(const std::string& platform, absl::Time since) {
  platforms_[platform].queued.insert(since);
}

void PlatformLoad::Unqueue(const std::string& platform, absl::Time since) {
  const auto entry = platforms_.find(platform);
  if (entry == platforms_.end()) return;
  const auto one = entry->second.queued.find(since);
  if (one != entry->second.queued.end()) entry->second.queued.erase(one);
  DropIfIdle(entry);
}

void PlatformLoad::Begin(const std::string& platform) { ++platforms_[platform].running; }

void PlatformLoad::End(const std::string& platform) {
  const auto entry = platforms_.find(platform);
  if (entry == platforms_.end()) return;
  --entry->second.running;
  DropIfIdle(entry);
}

void PlatformLoad::DropIfIdle(std::map<std::string, Tasks>::iterator entry) {
  if (entry->second.queued.empty() && entry->second.running <= 0) platforms_.erase(entry);
}

std::map<std::string, PlatformTasks> PlatformLoad::All() const {
  std::map<std::string, PlatformTasks> all;
  for (const auto& [platform, tasks] : platforms_) {
    PlatformTasks& row = all[platform];
    row.queued = static_cast<int64_t>(tasks.queued.size());
    row.running = tasks.running;
    if (!tasks.queued.empty()) row.oldest = *tasks.queued.begin();
  }
  return all;
}

}  // namespace crossmill::core
