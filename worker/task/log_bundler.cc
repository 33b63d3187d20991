#include "worker/task/log_bundler.h"

#include <algorithm>
#include <chrono>

namespace crossmill::worker {

LogBundler::LogBundler(uint32_t step_number, Clock& clock, std::function<void(const v1::LogChunk&)> sink)
    : clock_(clock), sink_(std::move(sink)) {
  chunk_.set_step_number(step_number);
  thread_ = std::jthread([this] { FlushRegularly(); });
}

LogBundler::~LogBundler() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
  Flush();
}

void LogBundler::Add(v1::LogChunk::Stream stream, std::string_view bytes) {
  if (bytes.empty()) return;
  MutexLock lock(mutex_);
  if (!chunk_.data().empty() && chunk_.stream() != stream) FlushLocked();
  while (!bytes.empty()) {
    if (chunk_.data().empty()) {
      chunk_.set_stream(stream);
      chunk_.set_time(UnixNanos(clock_.Now()));
      changed_.NotifyAll();
    }
    const size_t count = std::min(bytes.size(), kChunkBytes - chunk_.data().size());
    chunk_.mutable_data()->append(bytes.substr(0, count));
    bytes.remove_prefix(count);
    if (chunk_.data().size() == kChunkBytes) FlushLocked();
  }
}

void LogBundler::Flush() {
  MutexLock lock(mutex_);
  FlushLocked();
}

void LogBundler::FlushLocked() {
  if (chunk_.data().empty()) return;
  sink_(chunk_);
  chunk_.clear_data();
}

// Sleeps while there is nothing to flush, so a quiet step costs nothing.
void LogBundler::FlushRegularly() {
  MutexLock lock(mutex_);
  while (!stopping_) {
    if (chunk_.data().empty()) {
      changed_.Wait(mutex_);
      continue;
    }
    const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(kPatience);
    for (auto left = deadline - std::chrono::steady_clock::now(); !stopping_ && left.count() > 0;
         left = deadline - std::chrono::steady_clock::now()) {
      changed_.WaitFor(mutex_, left);
    }
    FlushLocked();
  }
}

}  // namespace crossmill::worker
