#include "coordinator/engine/watchers.h"

#include <algorithm>
#include <iterator>

#include "common/base/status.h"

namespace crossmill::coordinator {

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
  } else if (item.event) {
    if (behind_) return;
    ++events_;
    event_bytes_ += item.event->ByteSizeLong();
    if (events_ > kMostWaitingEvents || event_bytes_ > kMostWaitingEventBytes) {
      std::erase_if(items_, [](const Watched& waiting) { return waiting.event != nullptr; });
      events_ = event_bytes_ = 0;
      behind_ = true;
      return Notify();
    }
  } else {
    if (!logs_ || log_bytes_ > kMostWaitingLogBytes) return;
    log_bytes_ += item.chunk.data().size() + kChunkBytes;
  }
  items_.push_back(std::move(item));
  Notify();
}

void Watcher::Close(const absl::Status& reason) {
  MutexLock lock(mutex_);
  if (!closed_) reason_ = reason;
  closed_ = true;
  Notify();
}

void Watcher::Notify() {
  wake_.NotifyAll();
  if (ready_) ready_();
}

void Watcher::OnReady(std::function<void()> ready) {
  MutexLock lock(mutex_);
  ready_ = std::move(ready);
  if (ready_ && (closed_ || behind_ || !items_.empty())) ready_();
}

absl::Status Watcher::reason() {
  MutexLock lock(mutex_);
  return reason_;
}

void Watcher::Fail(const absl::Status& reason) {
  MutexLock lock(mutex_);
  closed_ = true;
  reason_ = reason;
  items_.clear();
  consoles_.clear();
}

absl::Status Watcher::ReadPast() {
  {
    MutexLock lock(mutex_);
    // Before it is read: what is published from now on waits, and what is in both is passed over by its
    // number.
    behind_ = false;
  }
  RETURN_IF_ERROR(ReadPage());
  if (past_.size() < kRecordPage) return absl::OkStatus();
  MutexLock lock(mutex_);
  std::erase_if(items_, [](const Watched& waiting) { return waiting.event != nullptr; });
  events_ = event_bytes_ = 0;
  behind_ = true;
  return absl::OkStatus();
}

absl::Status Watcher::ReadPage() {
  ASSIGN_OR_RETURN(std::vector<v1::BuildEvent> page, read_(next_event_, kRecordPage));
  past_.assign(std::make_move_iterator(page.begin()), std::make_move_iterator(page.end()));
  return absl::OkStatus();
}

std::optional<Watched> Watcher::NextPast() {
  while (past_.empty()) {
    {
      MutexLock lock(mutex_);
      if (!behind_) return std::nullopt;
    }
    if (const absl::Status read = ReadPast(); !read.ok()) {
      Fail(read);
      return std::nullopt;
    }
  }
  Watched item{.event = std::make_shared<const v1::BuildEvent>(std::move(past_.front()))};
  past_.pop_front();
  next_event_ = item.event->number() + 1;
  return item;
}

std::optional<Watched> Watcher::NextOfConsoles() {
  while (!consoles_.empty()) {
    PastConsole& console = consoles_.front();
    if (page_.empty() && console.next < console.end) {
      const int limit = static_cast<int>(std::min<int64_t>(console.end - console.next, kConsolePage));
      auto page = read_console_(console.execution, console.next, limit);
      if (page.ok())
        page_.assign(std::make_move_iterator(page->begin()), std::make_move_iterator(page->end()));
    }
    if (page_.empty()) {
      consoles_.pop_front();
      continue;
    }
    Watched item{.execution = console.execution,
                 .stage = console.stage,
                 .replica = console.replica,
                 .offset = console.next++,
                 .chunk = std::move(page_.front())};
    page_.pop_front();
    return item;
  }
  return std::nullopt;
}

std::optional<Watched> Watcher::Next(std::chrono::milliseconds timeout, bool* ended) {
  const auto until = std::chrono::steady_clock::now() + timeout;
  while (true) {
    if (std::optional<Watched> item = NextPast()) {
      *ended = false;
      return item;
    }
    if (std::optional<Watched> item = NextOfConsoles()) {
      *ended = false;
      return item;
    }
    MutexLock lock(mutex_);
    if (std::optional<Watched> item = TakeWaiting()) {
      *ended = false;
      return item;
    }
    // There is more on record.
    if (behind_) continue;
    *ended = closed_;
    const auto left = until - std::chrono::steady_clock::now();
    if (closed_ || left.count() <= 0) return std::nullopt;
    wake_.WaitFor(mutex_, left);
  }
}

std::optional<Watched> Watcher::TakeWaiting() {
  while (!items_.empty()) {
    Watched item = std::move(items_.front());
    items_.pop_front();
    if (item.event) {
      --events_;
      event_bytes_ -= item.event->ByteSizeLong();
      // It was on record already when that was read.
      if (item.event->number() < next_event_) continue;
      next_event_ = item.event->number() + 1;
    } else if (!item.progress) {
      log_bytes_ -= item.chunk.data().size() + kChunkBytes;
    }
    return item;
  }
  return std::nullopt;
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

void Watchers::Publish(int64_t build, std::vector<v1::BuildEvent> events) {
  MutexLock lock(mutex_);
  auto it = watchers_.find(build);
  if (it == watchers_.end()) return;
  for (v1::BuildEvent& event : events) {
    const auto shared = std::make_shared<const v1::BuildEvent>(std::move(event));
    for (const auto& watcher : it->second) watcher->Push(Watched{.event = shared});
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
