// What was read of clients' folders, so that a file which is as it was is not sent again.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "common/context/hash_cache.h"

namespace crossmill::coordinator::buildkit {

// Of one folder: what is where, by path, size, time, mode. Immutable once it is kept.
class KnownFiles {
 public:
  struct Facts {
    std::string_view path;
    int64_t size = 0;
    int64_t mtime_nanos = 0;
    uint32_t mode = 0;
  };
  // Null: there is no such file, or it is another one now.
  const context::RawSha256* Find(const Facts& facts) const;
  void Add(const Facts& facts, const context::RawSha256& hash);
  size_t size() const { return by_facts_.size(); }

 private:
  // The first half of a SHA-256 of the facts: a client that finds two with the same deceives itself.
  using Key = std::array<uint64_t, 2>;
  static Key KeyOf(const Facts& facts);
  absl::flat_hash_map<Key, context::RawSha256> by_facts_;
};

// Bounded in files over all folders; those of the folders that were used longest ago are forgotten. Thread
// safe.
class FolderMemory {
 public:
  // A file takes some 70 bytes.
  static constexpr size_t kMostFiles = 2'000'000;
  static constexpr size_t kMostFolders = 4'096;

  explicit FolderMemory(Clock& clock, size_t most_files = kMostFiles)
      : clock_(clock), most_files_(most_files) {}

  // Null: nothing is known. `folder` names caller, shared key, folder and patterns.
  std::shared_ptr<const KnownFiles> Find(const std::string& folder);
  void Keep(const std::string& folder, std::shared_ptr<const KnownFiles> files);
  // A file that may still be written to in the same tick of its client's clock is not to be known.
  bool MayBeKnown(int64_t mtime_nanos);
  size_t files();

 private:
  struct Folder {
    std::string name;
    std::shared_ptr<const KnownFiles> files;
  };

  Clock& clock_;
  const size_t most_files_;
  Mutex mutex_;
  // The last used first.
  std::list<Folder> folders_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<std::string, std::list<Folder>::iterator> by_name_ ABSL_GUARDED_BY(mutex_);
  size_t files_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace crossmill::coordinator::buildkit
