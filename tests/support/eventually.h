// Waiting for what another thread does.
#pragma once

#include <chrono>
#include <thread>

namespace crossmill {

// Polls until `condition` holds; false after 20 s.
template <typename Condition>
bool Eventually(Condition condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

}  // namespace crossmill
