// RemoteRecords in memory.
#pragma once

#include <map>
#include <string>
#include <tuple>

#include "common/base/mutex.h"
#include "coordinator/sources/remote_records.h"

namespace crossmill::coordinator {

class MemoryRemoteRecords final : public RemoteRecords {
 public:
  absl::Status PutFile(const RemoteFileRecord& file) override {
    MutexLock lock(mutex_);
    files_[file.url] = file;
    return absl::OkStatus();
  }
  absl::StatusOr<std::optional<RemoteFileRecord>> FindFile(std::string_view url) override {
    MutexLock lock(mutex_);
    const auto it = files_.find(std::string(url));
    if (it == files_.end()) return std::optional<RemoteFileRecord>();
    return it->second;
  }
  absl::Status PutTree(const RemoteTreeKey& key, const Digest& root) override {
    MutexLock lock(mutex_);
    trees_[KeyOf(key)] = root;
    return absl::OkStatus();
  }
  absl::StatusOr<std::optional<Digest>> FindTree(const RemoteTreeKey& key) override {
    MutexLock lock(mutex_);
    const auto it = trees_.find(KeyOf(key));
    if (it == trees_.end()) return std::optional<Digest>();
    return it->second;
  }

 private:
  using Key = std::tuple<std::string, std::string, std::string, bool, bool, bool, std::string>;
  static Key KeyOf(const RemoteTreeKey& key) {
    return {key.repository, key.commit,       key.folder, key.keep_git_dir,
            key.submodules, key.commit_times, key.ref};
  }

  Mutex mutex_;
  std::map<std::string, RemoteFileRecord> files_ ABSL_GUARDED_BY(mutex_);
  std::map<Key, Digest> trees_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill::coordinator
