// Background processes of the local farm: started detached with a log, found again by pid files,
// stopped only when they are ours.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace crossmill::cli {

struct DaemonSpec {
  // "coordinator", "worker-w1": names pid file and log.
  std::string name;
  // argv[0] is the program's absolute path.
  std::vector<std::string> argv;
  // Holds NAME.pid and NAME.log.
  std::string run_folder;

  std::string PidFile() const { return run_folder + "/" + name + ".pid"; }
  std::string LogFile() const { return run_folder + "/" + name + ".log"; }
};

// The pid in the pid file if that process lives and is the one that was started: a pid alone may have
// gone to another process, so the file keeps its start time too.
std::optional<pid_t> RunningDaemon(const std::string& pid_file);

// Starts it in a session of its own, with standard output and error appended to the log, and writes the
// pid file. Returns when the program is running (exec succeeded).
absl::StatusOr<pid_t> StartDaemon(const DaemonSpec& spec);

// SIGTERM, after `patience` SIGKILL; waits until it is gone and removes the pid file. False when
// nothing ran.
absl::StatusOr<bool> StopDaemon(const std::string& pid_file, absl::Duration patience);

// The last `count` lines of a log, for messages.
std::string LogTail(const std::string& log_file, int count);

}  // namespace crossmill::cli
