// Child processes: started without a shell, streamed, limited in time, killed with their whole
// process group, always reaped.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace crossmill {

enum class OutputStream { kStdout, kStderr };

struct ProcessOptions {
  // argv[0] is looked up in PATH unless it contains a slash.
  std::vector<std::string> argv;
  // NAME=value; unset: the caller's environment.
  std::optional<std::vector<std::string>> env;
  // Empty: the caller's.
  std::string working_folder;
  // Files into which the child writes "0" before it executes anything: with those of control groups it is in
  // them, with all that comes from it. One that cannot be written is an error.
  std::vector<int> joins;
  // Fed to stdin, which is then closed.
  std::string input;
  // Called on the calling thread, in order per stream, as pieces arrive.
  std::function<void(OutputStream, std::string_view)> on_output;
  // After it the process group gets SIGKILL.
  absl::Duration time_limit = absl::InfiniteDuration();
  // A stop request kills the process group too.
  std::stop_token stop;
  // Called with the child's pid once it runs.
  std::function<void(pid_t)> on_start;
};

struct ProcessResult {
  // 128 + signal when killed by one.
  int exit_code = 0;
  bool timed_out = false;
  bool stopped = false;
  // Of the process and those of its descendants that were waited for: user and system time.
  double cpu_seconds = 0;
  // Its two parts.
  double user_seconds = 0;
  double system_seconds = 0;
  // From and to the disk, where the kernel counts it.
  uint64_t bytes_read = 0;
  uint64_t bytes_written = 0;
  // The most memory, in bytes, that one of them had resident.
  uint64_t peak_memory = 0;
  // Filled only when on_output is not set.
  std::string stdout_text;
  std::string stderr_text;
};

// Runs to the end. A non-zero exit is a result; an error means it could not be started.
// Thread safe. The child gets default signal dispositions and dies with the calling process.
absl::StatusOr<ProcessResult> RunProcess(const ProcessOptions& options);

}  // namespace crossmill
