// The blobs that running builds have found in the step cache, or that were made for them: they are needed
// until these builds end, although no record says so before.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/base/digest.h"
#include "common/base/mutex.h"

namespace crossmill::coordinator {

// Thread safe; no I/O.
class HeldBlobs {
 public:
  void Hold(int64_t build, const Digest& blob);
  // The build has ended.
  void Release(int64_t build);
  // Hashes, some more than once.
  std::vector<std::string> All() const;

 private:
  mutable Mutex mutex_;
  std::map<int64_t, std::set<std::string>> held_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill::coordinator
