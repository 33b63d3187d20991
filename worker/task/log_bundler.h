// Gathers the console of a step into chunks: large enough to be cheap, early enough to be live.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <thread>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "crossmill/v1/result.pb.h"

namespace crossmill::worker {

// Thread safe. Chunks leave in order, never two at a time, on the adding thread or on an own one.
class LogBundler {
 public:
  // At most this many bytes in a chunk.
  static constexpr size_t kChunkBytes = 32 << 10;
  // No byte waits longer.
  static constexpr absl::Duration kPatience = absl::Milliseconds(100);

  LogBundler(uint32_t step_number, Clock& clock, std::function<void(const v1::LogChunk&)> sink);
  // Flushes.
  ~LogBundler();
  LogBundler(const LogBundler&) = delete;
  LogBundler& operator=(const LogBundler&) = delete;

  // Bytes as they came; a chunk's time is that of its first byte.
  void Add(v1::LogChunk::Stream stream, std::string_view bytes);
  void Flush();

 private:
  void FlushLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FlushRegularly();

  Clock& clock_;
  const std::function<void(const v1::LogChunk&)> sink_;
  Mutex mutex_;
  CondVar changed_;
  v1::LogChunk chunk_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::jthread thread_;
};

}  // namespace crossmill::worker
