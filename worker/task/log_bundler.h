// Gathers the console of a step into chunks: large enough to be cheap, early enough to be live.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <thread>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "crossmill/v1/result.pb.h"

namespace crossmill::worker {

// Thread safe. Chunks leave in order, one at a time, on an own thread and under no lock: a sink that is slow
// (a connection that does not take more) must not keep the console from being read, since then lines that are
// seconds apart would get one time.
class LogBundler {
 public:
  using Sink = std::function<void(const v1::LogChunk&)>;

  // At most this many bytes in a chunk.
  static constexpr size_t kChunkBytes = 32 << 10;
  // No byte waits longer for others.
  static constexpr absl::Duration kPatience = absl::Milliseconds(100);
  // Bytes that come after a pause this long begin a chunk, with a time of their own: what a line ends that
  // takes a while (compiling a package) is timed to this, however soon after its begin it came.
  static constexpr absl::Duration kPause = absl::Milliseconds(20);
  // Adding waits while the sink is behind by this many chunks.
  static constexpr size_t kMostWaiting = 256;

  LogBundler(uint32_t step_number, Clock& clock, Sink sink);
  // Returns when the sink has had all that was added.
  ~LogBundler();
  LogBundler(const LogBundler&) = delete;
  LogBundler& operator=(const LogBundler&) = delete;

  // Bytes as they came; a chunk's time is that of its first byte.
  void Add(v1::LogChunk::Stream stream, std::string_view bytes);

 private:
  bool BeginsChunk(v1::LogChunk::Stream stream, absl::Time now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Close() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WaitForMore() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Send();

  const uint32_t step_number_;
  Clock& clock_;
  const Sink sink_;
  Mutex mutex_;
  CondVar changed_;
  // What is still being filled; without bytes: nothing.
  v1::LogChunk open_ ABSL_GUARDED_BY(mutex_);
  absl::Time last_added_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  // Oldest first; what the sink is given at this moment is still the first.
  std::deque<v1::LogChunk> closed_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::jthread thread_;
};

}  // namespace crossmill::worker
