// Memory that was freed goes back to the machine: the allocator keeps it else, for good, after ten thousand
// watchers have left.
#pragma once

#include <stop_token>
#include <thread>

namespace crossmill::coordinator {

// Looks now and then how much the allocator keeps, and has it give that back where it is much. One thread.
class FreeMemory {
 public:
  FreeMemory();

 private:
  static void Run(const std::stop_token& stop);
  std::jthread thread_;
};

}  // namespace crossmill::coordinator
