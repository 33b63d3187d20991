// Files that were compared with their digest a moment ago, so that it need not be done again.
#pragma once

#include <sys/types.h>

#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "common/base/mutex.h"

namespace crossmill {

// Thread safe. A file is known by its inode and mtime; what a disk loses in the meantime is not noticed, so
// the meantime is short.
class CheckedFiles {
 public:
  static constexpr absl::Duration kLife = absl::Minutes(10);
  static constexpr size_t kMost = 10'000;

  // The open file was found to have the hash.
  void Note(const std::string& hash, int fd, absl::Time now);
  bool Knows(const std::string& hash, int fd, absl::Time now) const;

 private:
  struct Checked {
    ino_t inode = 0;
    absl::Time mtime;
    absl::Time when;
  };

  mutable Mutex mutex_;
  absl::flat_hash_map<std::string, Checked> files_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill
