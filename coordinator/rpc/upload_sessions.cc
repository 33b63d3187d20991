#include "coordinator/rpc/upload_sessions.h"

#include <chrono>
#include <utility>

#include "common/base/status.h"

namespace crossmill::coordinator {

void UploadSessions::RemoveIdle() {
  const absl::Time now = clock_.Now();
  std::erase_if(entries_, [&](const auto& entry) {
    return !entry.second.taken && now - entry.second.touched > kIdleLimit;
  });
  while (entries_.size() >= kMostUploads) {
    auto oldest = entries_.end();
    for (auto it = entries_.begin(); it != entries_.end(); ++it) {
      if (it->second.taken) continue;
      if (oldest == entries_.end() || it->second.touched < oldest->second.touched) oldest = it;
    }
    if (oldest == entries_.end()) return;
    entries_.erase(oldest);
  }
}

absl::StatusOr<std::optional<UploadSessions::Upload>> UploadSessions::Take(const std::string& name,
                                                                           absl::Duration patience) {
  const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(patience);
  MutexLock lock(mutex_);
  RemoveIdle();
  while (true) {
    auto [it, added] = entries_.try_emplace(name);
    Entry& entry = it->second;
    if (!entry.taken) {
      entry.taken = true;
      entry.touched = clock_.Now();
      if (added) return std::optional<Upload>();
      return std::optional<Upload>(std::move(entry.upload));
    }
    const auto left = deadline - std::chrono::steady_clock::now();
    if (left <= std::chrono::nanoseconds::zero()) {
      return absl::UnavailableError(fmt::format("another stream is still writing {}", name));
    }
    returned_.WaitFor(mutex_, left);
  }
}

void UploadSessions::Put(const std::string& name, Upload upload) {
  MutexLock lock(mutex_);
  Entry& entry = entries_[name];
  entry.taken = false;
  entry.touched = clock_.Now();
  entry.committed = upload.committed;
  entry.upload = std::move(upload);
  returned_.NotifyAll();
}

void UploadSessions::Forget(const std::string& name) {
  MutexLock lock(mutex_);
  entries_.erase(name);
  returned_.NotifyAll();
}

std::optional<int64_t> UploadSessions::Committed(const std::string& name) {
  MutexLock lock(mutex_);
  const auto it = entries_.find(name);
  if (it == entries_.end()) return std::nullopt;
  return it->second.committed;
}

void UploadSessions::Progress(const std::string& name, int64_t committed) {
  MutexLock lock(mutex_);
  const auto it = entries_.find(name);
  if (it != entries_.end()) it->second.committed = committed;
}

}  // namespace crossmill::coordinator
