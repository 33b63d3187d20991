#include "coordinator/engine/watchers.h"

#include <algorithm>

namespace crossmill::coordinator {
namespace {

// A client that does not read loses console output (it can read the log later), never events.
constexpr size_t kMaxWaitingLogBytes = 16 << 20;

}  // namespace

void Watcher::Push(Watched item) {
  MutexLock lock(mutex_);
  if (closed_) return;
  if (item.progress) {
    // Only the latest of each thing is of interest.
    for (Watched& waiting : items_) {
      if (!waiting.progress || waiting.progress->what != item.progress->what) continue;
      waiting.progress = std::move(item.progress);
      return;
    }
  } else if (!item.event) {
    if (!logs_ || log_bytes_ > kMaxWaitingLogBytes) return;
    log_bytes_ += item.chunk.data().size();
  }
  items_.push_back(std::move(item));
  wake_.NotifyOne();
}

void Watcher::Close(const absl::Status& reason) {
  MutexLock lock(mutex_);
  if (!closed_) reason_ = reason;
  closed_ = true;
  wake_.NotifyAll();
}

absl::Status Watcher::reason() {
  MutexLock lock(mutex_);
  return reason_;
}

std::optional<Watched> Watcher::Next(std::chrono::milliseconds timeout, bool* ended) {
  MutexLock lock(mutex_);
  if (items_.empty() && !closed_) wake_.WaitFor(mutex_, timeout);
  *ended = items_.empty() && closed_;
  if (items_.empty()) return std::nullopt;
  Watched item = std::move(items_.front());
  items_.pop_front();
  if (!item.event && !item.progress) log_bytes_ -= item.chunk.data().size();
  return item;
}

void Watchers::Add(int64_t build, std::shared_ptr<Watcher> watcher) {
  MutexLock lock(mutex_);
  if (!ended_.ok()) return watcher->Close(ended_);
  watchers_[build].push_back(std::move(watcher));
}

void Watchers::Remove(int64_t build, const std::shared_ptr<Watcher>& watcher) {
  MutexLock lock(mutex_);
  auto it = watchers_.find(build);
  if (it == watchers_.end()) return;
  std::erase(it->second, watcher);
  if (it->second.empty()) watchers_.erase(it);
}

void Watchers::Publish(int64_t build, const std::vector<v1::BuildEvent>& events) {
  MutexLock lock(mutex_);
  auto it = watchers_.find(build);
  if (it == watchers_.end()) return;
  for (const auto& watcher : it->second) {
    for (const v1::BuildEvent& event : events) watcher->Push(Watched{.event = event});
  }
}

void Watchers::PublishLog(int64_t build, const Watched& log) {
  MutexLock lock(mutex_);
  auto it = watchers_.find(build);
  if (it == watchers_.end()) return;
  for (const auto& watcher : it->second) {
    if (watcher->wants_logs()) watcher->Push(log);
  }
}

void Watchers::PublishProgress(int64_t build, const PlanningStep& progress) {
  MutexLock lock(mutex_);
  auto it = watchers_.find(build);
  if (it == watchers_.end()) return;
  for (const auto& watcher : it->second) watcher->Push(Watched{.progress = progress});
}

void Watchers::Close(int64_t build) {
  MutexLock lock(mutex_);
  auto it = watchers_.find(build);
  if (it == watchers_.end()) return;
  for (const auto& watcher : it->second) watcher->Close();
  watchers_.erase(it);
}

void Watchers::CloseAll(const absl::Status& reason) {
  MutexLock lock(mutex_);
  if (ended_.ok()) ended_ = reason;
  for (const auto& [build, list] : watchers_) {
    for (const auto& watcher : list) watcher->Close(reason);
  }
  watchers_.clear();
}

}  // namespace crossmill::coordinator
