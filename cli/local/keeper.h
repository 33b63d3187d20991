// Starts again what died of the farm that `up` started on this machine. It is a process of its own that looks
// now and then, because the others belong to nobody: whoever has systemd needs none.
//
//   RUN/NAME.argv       what `up` started, and what it was started with: is to run
//   RUN/NAME.pid        not there: it was stopped on purpose
//   RUN/NAME.restarts   how often it was started again, and when the last time
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cli/local/daemons.h"
#include "common/base/clock.h"

namespace crossmill::cli {

// From now on a keeper starts it again when it dies; StopDaemon ends that.
absl::Status KeepDaemon(const DaemonSpec& spec);

struct Restarts {
  // "worker-w1".
  std::string name;
  int count = 0;
  absl::Time last;
};
// Of all that were started again since `up` started them, by name.
std::vector<Restarts> ReadRestarts(const std::string& run_folder);

// Not thread safe.
class Keeper {
 public:
  using StartFunction = std::function<absl::StatusOr<pid_t>(const DaemonSpec&)>;
  using Tell = std::function<void(const std::string&)>;

  // `tell` gets a line for each start.
  Keeper(std::string run_folder, Clock& clock, Tell tell, StartFunction start = StartDaemon)
      : run_folder_(std::move(run_folder)), clock_(clock), tell_(std::move(tell)), start_(std::move(start)) {}

  // Starts what is dead and due: at once the first time, then after a second, two, four, at most five
  // minutes; from the beginning for one that has lived for ten.
  void Look();

 private:
  struct Kept {
    absl::Duration pause = absl::ZeroDuration();
    absl::Time next = absl::InfinitePast();
    // Since when it has been seen alive.
    absl::Time alive = absl::InfiniteFuture();
  };

  void LookAfter(const std::string& name);

  const std::string run_folder_;
  Clock& clock_;
  const Tell tell_;
  const StartFunction start_;
  std::map<std::string, Kept> kept_;
};

}  // namespace crossmill::cli
