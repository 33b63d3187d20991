#include "common/fetch/folder_watch.h"

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
#include <vector>

#include "common/base/files.h"

namespace crossmill::fetch {
namespace {

// What is in one folder. Folders in it go to `more`, under paths from where `path` begins.
void MeasureOne(UniqueFd folder, const std::string& path, FolderSize* size, std::vector<std::string>* more) {
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
    if (S_ISDIR(info.st_mode)) more->push_back(path.empty() ? entry->d_name : path + "/" + entry->d_name);
  }
  closedir(stream);
}

}  // namespace

FolderSize MeasureFolder(const std::string& folder) {
  FolderSize size;
  auto fd = OpenFile(folder, O_RDONLY | O_DIRECTORY);
  if (!fd.ok()) return size;
  // One folder is open at a time, however deep somebody's repository is.
  std::vector<std::string> more = {""};
  while (!more.empty()) {
    const std::string path = std::move(more.back());
    more.pop_back();
    const char* name = path.empty() ? "." : path.c_str();
    UniqueFd below(openat(fd->get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (below.valid()) MeasureOne(std::move(below), path, &size, &more);
  }
  return size;
}

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
    const FolderSize size = MeasureFolder(folder_);
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
