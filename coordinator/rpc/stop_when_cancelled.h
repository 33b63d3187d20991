// Long calls of clients that have gone away are stopped.
#pragma once

#include <grpcpp/server_context.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>

namespace crossmill::coordinator {

// Its token stops when the call is cancelled or, if there is a limit, has taken so long, also while nothing
// is read or written. gRPC has no callback for that in calls of this form, so it looks now and then.
class StopWhenCancelled {
 public:
  using Limit = std::chrono::steady_clock::duration;

  explicit StopWhenCancelled(grpc::ServerContext* context, Limit limit = Limit::max())
      : limit_(limit), looker_([this, context](const std::stop_token& over) { Look(context, over); }) {}

  void Stop() { stop_.request_stop(); }
  std::stop_token token() const { return stop_.get_token(); }

 private:
  void Look(grpc::ServerContext* context, const std::stop_token& over) {
    const auto begun = std::chrono::steady_clock::now();
    std::mutex mutex;
    std::condition_variable_any wake;
    std::unique_lock lock(mutex);
    while (!over.stop_requested()) {
      if (context->IsCancelled() || std::chrono::steady_clock::now() - begun > limit_) return Stop();
      wake.wait_for(lock, over, kPatience, [] { return false; });
    }
  }

  static constexpr auto kPatience = std::chrono::milliseconds(100);
  const Limit limit_;
  std::stop_source stop_;
  // Last: it uses what is above.
  std::jthread looker_;
};

}  // namespace crossmill::coordinator
