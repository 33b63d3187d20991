#include "coordinator/rpc/upload_sessions.h"

#include <grpcpp/server_context.h>

#include <chrono>
#include <utility>

#include "common/base/log.h"
#include "common/base/status.h"

namespace crossmill::coordinator {

UploadSessions::Stream::~Stream() {
  if (sessions_ == nullptr) return;
  MutexLock lock(sessions_->mutex_);
  const auto count = sessions_->streams_of_.find(place_->client);
  if (--count->second == 0) sessions_->streams_of_.erase(count);
  sessions_->streams_.erase(place_);
}

void UploadSessions::Stream::Waits(bool waits) {
  MutexLock lock(sessions_->mutex_);
  place_->waits_since = waits ? std::optional<absl::Time>(sessions_->clock_.Now()) : std::nullopt;
}

absl::StatusOr<UploadSessions::Stream> UploadSessions::Open(const std::string& client,
                                                            grpc::ServerContextBase* context) {
  MutexLock lock(mutex_);
  int64_t& count = streams_of_[client];
  if (count >= limits_.streams) {
    return absl::ResourceExhaustedError(fmt::format(
        "'{}' has {} uploads under way; expected at most {} at the same time: wait for some to end, "
        "or raise upload-streams of the coordinator",
        client.empty() ? "the socket" : client, count, limits_.streams));
  }
  ++count;
  streams_.push_back({client, context, clock_.Now()});
  return Stream(*this, std::prev(streams_.end()));
}

std::list<UploadSessions::Upload> UploadSessions::TrimOf(const std::string& client) {
  std::list<Upload> gone;
  while (true) {
    int64_t kept = 0, bytes = 0;
    auto oldest = entries_.end();
    for (auto it = entries_.lower_bound({client, ""}); it != entries_.end() && it->first.first == client;
         ++it) {
      if (it->second.taken) continue;
      ++kept;
      bytes += it->second.committed;
      if (oldest == entries_.end() || it->second.touched < oldest->second.touched) oldest = it;
    }
    if (oldest == entries_.end() || (kept <= limits_.kept && bytes <= limits_.kept_bytes)) return gone;
    gone.push_back(std::move(oldest->second.upload));
    entries_.erase(oldest);
  }
}

absl::StatusOr<std::optional<UploadSessions::Upload>> UploadSessions::Take(const Key& key,
                                                                           absl::Duration patience) {
  const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(patience);
  MutexLock lock(mutex_);
  while (true) {
    auto [it, added] = entries_.try_emplace(key);
    Entry& entry = it->second;
    if (!entry.taken) {
      entry.taken = true;
      entry.touched = clock_.Now();
      if (added) return std::optional<Upload>();
      return std::optional<Upload>(std::move(entry.upload));
    }
    const auto left = deadline - std::chrono::steady_clock::now();
    if (left <= std::chrono::nanoseconds::zero()) {
      return absl::UnavailableError(fmt::format("another stream is still writing {}", key.second));
    }
    returned_.WaitFor(mutex_, left);
  }
}

void UploadSessions::Put(const Key& key, Upload upload) {
  // Declared before the lock: files are closed and removed without it.
  std::list<Upload> gone;
  MutexLock lock(mutex_);
  Entry& entry = entries_[key];
  entry.taken = false;
  entry.touched = clock_.Now();
  entry.committed = upload.committed;
  entry.upload = std::move(upload);
  gone = TrimOf(key.first);
  returned_.NotifyAll();
}

void UploadSessions::Forget(const Key& key) {
  MutexLock lock(mutex_);
  entries_.erase(key);
  returned_.NotifyAll();
}

std::optional<int64_t> UploadSessions::Committed(const Key& key) {
  MutexLock lock(mutex_);
  const auto it = entries_.find(key);
  if (it == entries_.end()) return std::nullopt;
  return it->second.committed;
}

void UploadSessions::Progress(const Key& key, int64_t committed) {
  MutexLock lock(mutex_);
  const auto it = entries_.find(key);
  if (it != entries_.end()) it->second.committed = committed;
}

void UploadSessions::Sweep() {
  std::list<Upload> gone;
  MutexLock lock(mutex_);
  const absl::Time now = clock_.Now();
  for (const Stream::Entry& stream : streams_) {
    if (!stream.waits_since || now - *stream.waits_since <= absl::Seconds(limits_.idle_seconds)) continue;
    LogWarning("an upload of '{}' is ended: it sent nothing for {} s", stream.client, limits_.idle_seconds);
    // The stream lives: it takes the lock before it goes.
    stream.context->TryCancel();
  }
  for (auto it = entries_.begin(); it != entries_.end();) {
    const bool over = !it->second.taken && now - it->second.touched > absl::Seconds(limits_.kept_seconds);
    if (!over) {
      ++it;
      continue;
    }
    gone.push_back(std::move(it->second.upload));
    it = entries_.erase(it);
  }
}

}  // namespace crossmill::coordinator
