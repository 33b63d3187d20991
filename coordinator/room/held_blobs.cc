#include "coordinator/room/held_blobs.h"

namespace crossmill::coordinator {

void HeldBlobs::Hold(int64_t build, const Digest& blob) {
  if (!IsSha256Hex(blob.hash)) return;
  MutexLock lock(mutex_);
  held_[build].insert(blob.hash);
}

void HeldBlobs::Release(int64_t build) {
  MutexLock lock(mutex_);
  held_.erase(build);
}

std::vector<std::string> HeldBlobs::All() const {
  MutexLock lock(mutex_);
  std::vector<std::string> all;
  for (const auto& [build, blobs] : held_) all.insert(all.end(), blobs.begin(), blobs.end());
  return all;
}

}  // namespace crossmill::coordinator
