// How often something changed in what people see of workers: who is there, who gets tasks, and who has which.
// Pure.
#pragma once

#include <atomic>
#include <cstdint>

namespace crossmill::core {

// Thread safe.
class WorkerChanges {
 public:
  void Note() { ++count_; }
  uint64_t count() const { return count_; }

 private:
  std::atomic<uint64_t> count_ = 0;
};

}  // namespace crossmill::core
