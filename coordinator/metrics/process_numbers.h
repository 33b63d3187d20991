// What the kernel says of a process: the numbers that every client library of Prometheus tells as process_*.
#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "absl/status/statusor.h"

namespace crossmill::coordinator {

struct ProcessNumbers {
  // For most_descriptors: as many as the process likes.
  static constexpr uint64_t kUnlimited = std::numeric_limits<uint64_t>::max();

  int64_t resident_bytes = 0;
  int64_t virtual_bytes = 0;
  // Of all its threads, in user and in kernel mode.
  double cpu_seconds = 0;
  int64_t open_descriptors = 0;
  // The limit that counts now (the soft one).
  uint64_t most_descriptors = 0;
  int64_t threads = 0;
  // Unix time. The kernel counts from the machine's start, so a wall clock that was set since then moves it.
  double start_seconds = 0;
};

// Of this process, out of /proc. UNAVAILABLE where that is not mounted; the error says what could not be
// read.
absl::StatusOr<ProcessNumbers> ReadProcessNumbers();

// Out of files as the kernel writes them: of the process `folder` (/proc/self) "stat", "limits" and the names
// in "fd", and the machine's `machine_stat` (/proc/stat).
absl::StatusOr<ProcessNumbers> ReadProcessNumbers(const std::string& folder, const std::string& machine_stat);

}  // namespace crossmill::coordinator
