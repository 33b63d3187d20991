// Which files of steps' roots have a content that was read before: a compiler of some 30 MB is in the root of
// every RUN of a stage, and is hashed once.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <tuple>

#include "common/base/digest.h"
#include "common/base/mutex.h"

namespace crossmill::worker {

// Thread safe. A file is the same one if its inode, size and time of change are: the kernel sets that time at
// each change, to the nanosecond, and a step that writes to a file of a lower layer gets another inode. The
// device is left out, since every root is mounted anew. At most 1000 files; then it forgets all.
class RecognisedFiles {
 public:
  bool Has(const struct stat& file, const Digest& digest) const;
  void Add(const struct stat& file, const Digest& digest);

 private:
  using Key = std::tuple<uint64_t, int64_t, int64_t, int64_t, std::string>;
  static Key KeyOf(const struct stat& file, const Digest& digest);

  mutable Mutex mutex_;
  std::set<Key> known_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill::worker
