#include "coordinator/bucket/waiting_uploads.h"

namespace crossmill::coordinator {

void WaitingUploads::Add(const Digest& digest) {
  MutexLock lock(mutex_);
  if (waiting_.contains(digest)) return;
  if (waiting_.size() >= kMost) {
    overflow_ = true;
    return;
  }
  waiting_.insert(digest);
  queue_.push_back(digest);
  bytes_ += digest.size;
  added_.NotifyOne();
}

std::optional<Digest> WaitingUploads::Take(std::chrono::milliseconds patience, const std::stop_token& stop) {
  MutexLock lock(mutex_);
  if (queue_.empty() && !stop.stop_requested()) added_.WaitFor(mutex_, patience);
  if (queue_.empty() || stop.stop_requested()) return std::nullopt;
  Digest digest = std::move(queue_.front());
  queue_.pop_front();
  return digest;
}

void WaitingUploads::Done(const Digest& digest) {
  MutexLock lock(mutex_);
  if (waiting_.erase(digest) > 0) bytes_ -= digest.size;
}

void WaitingUploads::Again(const Digest& digest) {
  MutexLock lock(mutex_);
  if (waiting_.contains(digest)) queue_.push_front(digest);
}

bool WaitingUploads::TakeOverflow() {
  MutexLock lock(mutex_);
  if (!overflow_ || !waiting_.empty()) return false;
  overflow_ = false;
  return true;
}

void WaitingUploads::WakeAll() { added_.NotifyAll(); }

WaitingUploads::Totals WaitingUploads::Sum() const {
  MutexLock lock(mutex_);
  return {static_cast<int64_t>(waiting_.size()), bytes_, overflow_};
}

}  // namespace crossmill::coordinator
