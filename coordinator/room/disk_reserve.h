// A piece of the disk that is taken while there is plenty, so that it can be given back when there is none:
// one file of some size, and some empty ones, for a disk can run out of files as well.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "common/base/mutex.h"

namespace crossmill::coordinator {

// Thread safe. What an earlier process left in the folder is taken over.
class DiskReserve {
 public:
  // The folder need not exist, and holds nothing else.
  DiskReserve(std::string folder, uint64_t bytes, uint64_t files);

  // Takes what is not taken yet. RESOURCE_EXHAUSTED: there is no room; nothing is taken then.
  absl::Status Make();
  // Gives all of it back. False: there was nothing.
  bool Release();
  bool held() const { return held_; }
  uint64_t bytes() const { return bytes_; }
  uint64_t files() const { return files_; }

 private:
  std::string FileName(uint64_t number) const;
  absl::Status Take() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Drop() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string folder_;
  const uint64_t bytes_;
  const uint64_t files_;
  Mutex mutex_;
  std::atomic<bool> held_ = false;
};

}  // namespace crossmill::coordinator
