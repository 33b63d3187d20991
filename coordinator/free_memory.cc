#include "coordinator/free_memory.h"

#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>

namespace crossmill::coordinator {
namespace {

constexpr auto kPause = std::chrono::seconds(10);
constexpr auto kLongestPause = std::chrono::seconds(640);
// Less is not worth the milliseconds in which nobody else can allocate.
constexpr size_t kWorth = size_t{32} << 20;

// What is freed and kept, at most: that in the middle of used pages counts, too.
size_t Kept() { return mallinfo2().fordblks; }

}  // namespace

FreeMemory::FreeMemory() : thread_([](const std::stop_token& stop) { Run(stop); }) {}

void FreeMemory::Run(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  auto pause = kPause;
  // After the last time. Pages that are used in part cannot be given back: only what is kept in addition is
  // of interest.
  size_t left = 0;
  while (!stop.stop_requested()) {
    wake.wait_for(lock, stop, pause, [] { return false; });
    const size_t kept = Kept();
    left = std::min(left, kept);
    if (stop.stop_requested() || kept - left < kWorth) {
      pause = kPause;
      continue;
    }
    malloc_trim(0);
    left = Kept();
    // Whoever needs it again at once pays for it each time.
    pause = std::min<decltype(pause)>(2 * pause, kLongestPause);
  }
}

}  // namespace crossmill::coordinator
