// Whether the coordinator is there for others, and why not: one answer for gRPC's health service, /readyz and
// the service manager.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/base/mutex.h"

namespace crossmill::coordinator {

// Thread safe.
class Readiness {
 public:
  enum class Stage {
    // Until everything runs.
    kStarting,
    kServing,
    // For good, in the order in which they can follow each other.
    kStopping,
    kRecordFailed,
  };

  // `disk_is_full`: nothing new is taken for want of room. Asked at each question.
  explicit Readiness(std::function<bool()> disk_is_full) : disk_is_full_(std::move(disk_is_full)) {}

  // It never goes back to a stage before the one that it is in.
  void Enter(Stage stage);
  // Told at once and at every change whether the services serve, by whoever changes it, until it is told to
  // nobody again. Must not ask back.
  void Tell(std::function<void(bool serves)> listener);

  // Whether the services serve. A full disk is none of it: they answer, and say so to whom it concerns.
  bool serves() const;
  // Why nothing new should be sent here, one sentence each, "disk: ...", "record: ...", "starting: ...",
  // "stopping: ..."; empty: no reason. They say nothing that a stranger may not read.
  std::vector<std::string> Reasons() const;

 private:
  const std::function<bool()> disk_is_full_;
  mutable Mutex mutex_;
  Stage stage_ ABSL_GUARDED_BY(mutex_) = Stage::kStarting;
  std::function<void(bool)> listener_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill::coordinator
