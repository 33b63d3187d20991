#include "worker/accelerators/known_contents.h"

namespace crossmill::worker {
namespace {

constexpr size_t kMostKnown = 1000;

}  // namespace

KnownContents::Key KnownContents::KeyOf(const struct stat& file, const Digest& digest) {
  return {file.st_ino, file.st_size, file.st_ctim.tv_sec, file.st_ctim.tv_nsec, digest.hash};
}

bool KnownContents::Has(const struct stat& file, const Digest& digest) const {
  MutexLock lock(mutex_);
  return known_.contains(KeyOf(file, digest));
}

void KnownContents::Add(const struct stat& file, const Digest& digest) {
  MutexLock lock(mutex_);
  if (known_.size() >= kMostKnown) known_.clear();
  known_.insert(KeyOf(file, digest));
}

}  // namespace crossmill::worker
