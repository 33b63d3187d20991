#include "common/base/keyed_lock.h"

#include <optional>
#include <utility>

#include "absl/status/status.h"

namespace crossmill {

KeyedLock::Hold::~Hold() {
  // First, so that no callback is left that could still run.
  forward_.reset();
  lock_.Release(*entry_);
}

absl::StatusOr<std::unique_ptr<KeyedLock::Hold>> KeyedLock::Hold::Wait(KeyedLock& lock,
                                                                       const std::string& key,
                                                                       std::stop_token stop) {
  std::shared_ptr<Entry> entry = lock.Acquire(key, stop);
  if (entry == nullptr) return absl::CancelledError("stopped");
  std::unique_ptr<Hold> hold(new Hold(lock, std::move(entry)));
  hold->forward_.emplace(std::move(stop), Forward{hold.get()});
  return hold;
}

std::stop_token KeyedLock::Hold::stop_token() const {
  MutexLock lock(lock_.mutex_);
  return entry_->ending.get_token();
}

std::shared_ptr<KeyedLock::Entry> KeyedLock::Acquire(const std::string& key, const std::stop_token& stop) {
  // Before the lock is taken: with a token that has stopped it runs at once.
  const std::stop_callback wake(stop, [this] { WakeAll(); });
  std::optional<std::stop_source> unwanted;
  std::shared_ptr<Entry> entry;
  {
    MutexLock lock(mutex_);
    std::shared_ptr<Entry>& found = entries_[key];
    if (found == nullptr) {
      found = std::make_shared<Entry>();
      found->key = key;
    }
    entry = found;
    ++entry->waiting;
    while (entry->held && !stop.stop_requested()) changed_.Wait(mutex_);
    --entry->waiting;
    if (!stop.stop_requested()) {
      entry->held = true;
      entry->holder_stopped = false;
      entry->ending = std::stop_source();
      return entry;
    }
    if (entry->held && entry->holder_stopped && entry->waiting == 0) unwanted = entry->ending;
    if (!entry->held && entry->waiting == 0) entries_.erase(key);
  }
  // Without the lock: whoever listens is called now.
  if (unwanted) unwanted->request_stop();
  return nullptr;
}

int KeyedLock::WaitingFor(const std::string& key) {
  MutexLock lock(mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end()) return 0;
  return found->second->held ? found->second->waiting : 0;
}

void KeyedLock::Release(Entry& entry) {
  MutexLock lock(mutex_);
  entry.held = false;
  if (entry.waiting == 0) {
    entries_.erase(entry.key);
  } else {
    changed_.NotifyAll();
  }
}

void KeyedLock::HolderStopped(Entry& entry) {
  std::optional<std::stop_source> unwanted;
  {
    MutexLock lock(mutex_);
    entry.holder_stopped = true;
    if (entry.waiting == 0) unwanted = entry.ending;
  }
  if (unwanted) unwanted->request_stop();
}

void KeyedLock::WakeAll() {
  MutexLock lock(mutex_);
  changed_.NotifyAll();
}

}  // namespace crossmill
