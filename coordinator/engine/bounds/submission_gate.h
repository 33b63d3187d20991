// How many submissions are looked at at the same time before there is a build of them: reading a stranger's
// recipe may take seconds, in the thread of a call.
#pragma once

#include <stop_token>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/mutex.h"

namespace crossmill::coordinator {

// Thread safe.
class SubmissionGate {
 public:
  struct Options {
    int at_once = 2;
    // Beyond these; who comes then is refused at once.
    int waiting = 64;
    absl::Duration patience = absl::Seconds(20);
  };

  // One of them; ends with the object.
  class Place {
   public:
    explicit Place(SubmissionGate& gate) : gate_(&gate) {}
    Place(Place&& other) noexcept : gate_(other.gate_) { other.gate_ = nullptr; }
    Place& operator=(Place&&) = delete;
    ~Place();

   private:
    SubmissionGate* gate_;
  };

  SubmissionGate() : SubmissionGate(Options()) {}
  explicit SubmissionGate(const Options& options) : options_(options) {}

  // RESOURCE_EXHAUSTED: too many wait, or it took too long; CANCELLED: `stop` came first.
  absl::StatusOr<Place> Enter(const std::stop_token& stop);

 private:
  const Options options_;
  Mutex mutex_;
  CondVar left_;
  int inside_ ABSL_GUARDED_BY(mutex_) = 0;
  int waiting_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace crossmill::coordinator
