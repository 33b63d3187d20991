#include "coordinator/bucket/bucket_uses.h"

#include <algorithm>

namespace crossmill::coordinator {

void BucketUses::Touch(const BlobName& name, int64_t used_at) {
  MutexLock lock(mutex_);
  while (being_removed_.contains(name)) removed_.Wait(mutex_);
  int64_t& latest = used_at_[name];
  latest = std::max(latest, used_at);
}

int64_t BucketUses::UsedAt(const BlobName& name) const {
  MutexLock lock(mutex_);
  const auto found = used_at_.find(name);
  return found == used_at_.end() ? 0 : found->second;
}

bool BucketUses::BeginRemoval(const BlobName& name, int64_t written, int64_t before) {
  MutexLock lock(mutex_);
  const auto found = used_at_.find(name);
  if (std::max(written, found == used_at_.end() ? 0 : found->second) >= before) return false;
  return being_removed_.insert(name).second;
}

void BucketUses::EndRemoval(const BlobName& name) {
  MutexLock lock(mutex_);
  being_removed_.erase(name);
  removed_.NotifyAll();
}

std::vector<std::pair<BlobName, int64_t>> BucketUses::Unwritten() const {
  MutexLock lock(mutex_);
  return {used_at_.begin(), used_at_.end()};
}

void BucketUses::Written(const std::vector<std::pair<BlobName, int64_t>>& uses) {
  MutexLock lock(mutex_);
  for (const auto& [name, used_at] : uses) {
    const auto found = used_at_.find(name);
    // Used again meanwhile: that is still to be written.
    if (found != used_at_.end() && found->second == used_at) used_at_.erase(found);
  }
}

}  // namespace crossmill::coordinator
