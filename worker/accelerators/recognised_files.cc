#include "worker/accelerators/recognised_files.h"

namespace crossmill::worker {
namespace {

constexpr size_t kMostKnown = 1000;

}  // namespace

RecognisedFiles::Key RecognisedFiles::KeyOf(const struct stat& file, const Digest& digest) {
  return {file.st_ino, file.st_size, file.st_ctim.tv_sec, file.st_ctim.tv_nsec, digest.hash};
}

bool RecognisedFiles::Has(const struct stat& file, const Digest& digest) const {
  MutexLock lock(mutex_);
  return known_.contains(KeyOf(file, digest));
}

void RecognisedFiles::Add(const struct stat& file, const Digest& digest) {
  MutexLock lock(mutex_);
  if (known_.size() >= kMostKnown) known_.clear();
  known_.insert(KeyOf(file, digest));
}

}  // namespace crossmill::worker
