#include "common/fetch/folder_watch.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace crossmill::fetch {

FolderWatch::FolderWatch(std::string folder, FolderSize most, std::chrono::milliseconds pause)
    : folder_(std::move(folder)),
      most_(most),
      pause_(pause),
      looker_([this](const std::stop_token& over) { Look(over); }) {}

void FolderWatch::Look(const std::stop_token& over) {
  using SteadyClock = std::chrono::steady_clock;
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any wake;
  while (!over.stop_requested()) {
    const auto begun = SteadyClock::now();
    // What cannot be read, because it is not there yet, counts as nothing.
    const FolderSize size = MeasureFolder(folder_).value_or(FolderSize());
    if (size.bytes > most_.bytes || size.files > most_.files) {
      exceeded_ = true;
      stop_.request_stop();
      return;
    }
    // Half of the time at most is spent with looking.
    const auto pause = std::max<SteadyClock::duration>(pause_, SteadyClock::now() - begun);
    wake.wait_for(lock, over, pause, [] { return false; });
  }
}

}  // namespace crossmill::fetch
