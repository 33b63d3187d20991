#include "worker/task/log_bundler.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace crossmill::worker {

LogBundler::LogBundler(uint32_t step_number, Clock& clock, Sink sink)
    : step_number_(step_number), clock_(clock), sink_(std::move(sink)) {
  thread_ = std::jthread([this] { Send(); });
}

LogBundler::~LogBundler() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

void LogBundler::Add(v1::LogChunk::Stream stream, std::string_view bytes) {
  if (bytes.empty()) return;
  MutexLock lock(mutex_);
  const absl::Time now = clock_.Now();
  if (BeginsChunk(stream, now)) Close();
  last_added_ = now;
  while (!bytes.empty()) {
    if (open_.data().empty()) {
      open_.set_step_number(step_number_);
      open_.set_stream(stream);
      open_.set_time(UnixNanos(now));
      changed_.NotifyAll();
    }
    const size_t count = std::min(bytes.size(), kChunkBytes - open_.data().size());
    open_.mutable_data()->append(bytes.substr(0, count));
    bytes.remove_prefix(count);
    if (open_.data().size() == kChunkBytes) Close();
  }
  while (closed_.size() > kMostWaiting) changed_.Wait(mutex_);
}

bool LogBundler::BeginsChunk(v1::LogChunk::Stream stream, absl::Time now) const {
  return open_.stream() != stream || now - last_added_ >= kPause ||
         now - absl::FromUnixNanos(open_.time()) >= kPatience;
}

void LogBundler::Close() {
  if (open_.data().empty()) return;
  closed_.push_back(std::exchange(open_, {}));
  changed_.NotifyAll();
}

// Sleeps while nothing is open, so a quiet step costs nothing.
void LogBundler::WaitForMore() {
  if (open_.data().empty()) {
    changed_.Wait(mutex_);
    return;
  }
  const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(kPatience);
  const int64_t open_since = open_.time();
  while (!stopping_ && closed_.empty() && open_.time() == open_since) {
    const auto left = deadline - std::chrono::steady_clock::now();
    if (left.count() <= 0) break;
    changed_.WaitFor(mutex_, left);
  }
  if (closed_.empty()) Close();
}

void LogBundler::Send() {
  mutex_.Lock();
  while (!stopping_ || !closed_.empty() || !open_.data().empty()) {
    if (closed_.empty() && stopping_) Close();
    if (closed_.empty()) {
      WaitForMore();
      continue;
    }
    const v1::LogChunk chunk = closed_.front();
    mutex_.Unlock();
    sink_(chunk);
    mutex_.Lock();
    closed_.pop_front();
    changed_.NotifyAll();
  }
  mutex_.Unlock();
}

}  // namespace crossmill::worker
