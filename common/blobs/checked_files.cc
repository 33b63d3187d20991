#include "common/blobs/checked_files.h"

#include <sys/stat.h>

namespace crossmill {

void CheckedFiles::Note(const std::string& hash, int fd, absl::Time now) {
  struct stat info;
  if (fstat(fd, &info) != 0) return;
  MutexLock lock(mutex_);
  if (files_.size() >= kMost) {
    absl::erase_if(files_, [now](const auto& entry) { return entry.second.when + kLife < now; });
    if (files_.size() >= kMost) return;
  }
  files_[hash] = {info.st_ino, absl::TimeFromTimespec(info.st_mtim), now};
}

bool CheckedFiles::Knows(const std::string& hash, int fd, absl::Time now) const {
  struct stat info;
  if (fstat(fd, &info) != 0) return false;
  MutexLock lock(mutex_);
  const auto found = files_.find(hash);
  return found != files_.end() && found->second.inode == info.st_ino &&
         found->second.mtime == absl::TimeFromTimespec(info.st_mtim) && found->second.when <= now &&
         now <= found->second.when + kLife;
}

}  // namespace crossmill
