#include "coordinator/submissions/folder_watch.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string_view>
#include <utility>

#include "common/base/files.h"

namespace crossmill::coordinator {
namespace {

constexpr auto kShortestPause = std::chrono::milliseconds(200);

void Measure(UniqueFd folder, FolderSize* size) {
  DIR* stream = fdopendir(folder.get());
  if (stream == nullptr) return;
  // It is the stream's now.
  const int fd = folder.Release();
  while (const dirent* entry = readdir(stream)) {
    const std::string_view name = entry->d_name;
    struct stat info;
    if (name == "." || name == ".." || fstatat(fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    size->files += 1;
    size->bytes += int64_t{info.st_blocks} * 512;
    if (!S_ISDIR(info.st_mode)) continue;
    UniqueFd below(openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (below.valid()) Measure(std::move(below), size);
  }
  closedir(stream);
}

}  // namespace

FolderSize MeasureFolder(const std::string& folder) {
  FolderSize size;
  auto fd = OpenFile(folder, O_RDONLY | O_DIRECTORY);
  if (fd.ok()) Measure(*std::move(fd), &size);
  return size;
}

FolderWatch::FolderWatch(std::string folder, FolderSize most)
    : folder_(std::move(folder)), most_(most), looker_([this](const std::stop_token& over) { Look(over); }) {}

void FolderWatch::Look(const std::stop_token& over) {
  using SteadyClock = std::chrono::steady_clock;
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any wake;
  while (!over.stop_requested()) {
    const auto begun = SteadyClock::now();
    const FolderSize size = MeasureFolder(folder_);
    if (size.bytes > most_.bytes || size.files > most_.files) {
      exceeded_ = true;
      stop_.request_stop();
      return;
    }
    // Half of the time at most is spent with looking.
    const auto pause = std::max<SteadyClock::duration>(kShortestPause, SteadyClock::now() - begun);
    wake.wait_for(lock, over, pause, [] { return false; });
  }
}

}  // namespace crossmill::coordinator
