// Who follows the farm (Overview/WatchFarm). A follower that waits costs memory and no thread: one thread
// serves all, and sleeps while nothing changes. A follower has at most one message on its way; what changes
// until it has taken that is one more, or a reset, so that a slow one holds nothing up and costs no more than
// others.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <chrono>
#include <memory>
#include <set>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "coordinator/core/standing/scope.h"
#include "coordinator/overview/news_board.h"
#include "crossmill/v1/overview.pb.h"

namespace crossmill::coordinator {

// Thread safe. `board` must outlive it, and it the calls.
class FarmWatchers {
 public:
  // `pause`: between two messages to the same follower.
  explicit FarmWatchers(overview::NewsBoard& board,
                        std::chrono::milliseconds pause = std::chrono::milliseconds(500));
  ~FarmWatchers();
  FarmWatchers(const FarmWatchers&) = delete;
  FarmWatchers& operator=(const FarmWatchers&) = delete;

  // A call that follows from there on what the scope sees, or ends with the error. It deletes itself.
  grpc::ServerWriteReactor<v1::FarmNews>* Follow(const absl::StatusOr<core::Scope>& scope, int64_t after);
  // Ends the calls there are and all that come.
  void Stop();

 private:
  class Stream;

  void Run();
  // Something may be to be told.
  void Wake();
  void ServeAll();
  // The message behind that number; many followers ask the same.
  std::shared_ptr<const v1::FarmNews> MessageBehind(int64_t after) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  overview::NewsBoard& board_;
  const std::chrono::milliseconds pause_;
  Mutex mutex_;
  std::set<Stream*> streams_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  // The last message that was made, and behind which number.
  std::shared_ptr<const v1::FarmNews> made_ ABSL_GUARDED_BY(mutex_);
  int64_t made_behind_ ABSL_GUARDED_BY(mutex_) = 0;

  // Taken while the board is locked: nothing else is done under it.
  Mutex wake_mutex_;
  CondVar wake_;
  bool woken_ ABSL_GUARDED_BY(wake_mutex_) = false;
  bool ending_ ABSL_GUARDED_BY(wake_mutex_) = false;
  std::thread thread_;
};

}  // namespace crossmill::coordinator
