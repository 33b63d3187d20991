// Stop tokens put together.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>

namespace crossmill {

// Its token stops as soon as one of two tokens has, as long as it lives.
class StopOfEither {
 public:
  StopOfEither(std::stop_token first, std::stop_token second)
      : first_(std::move(first), Forward{&ending_}), second_(std::move(second), Forward{&ending_}) {}
  StopOfEither(const StopOfEither&) = delete;
  StopOfEither& operator=(const StopOfEither&) = delete;

  std::stop_token token() const { return ending_.get_token(); }

 private:
  struct Forward {
    std::stop_source* ending;
    void operator()() const { ending->request_stop(); }
  };

  std::stop_source ending_;
  std::stop_callback<Forward> first_;
  std::stop_callback<Forward> second_;
};

// Its token stops after that time, unless it is destroyed before.
class StopAfter {
 public:
  explicit StopAfter(std::chrono::milliseconds time)
      : waiting_([this, time](const std::stop_token& over) {
          std::mutex mutex;
          std::unique_lock lock(mutex);
          std::condition_variable_any wake;
          wake.wait_for(lock, over, time, [] { return false; });
          if (!over.stop_requested()) ending_.request_stop();
        }) {}

  std::stop_token token() const { return ending_.get_token(); }

 private:
  std::stop_source ending_;
  // Last: it uses the source.
  std::jthread waiting_;
};

}  // namespace crossmill
