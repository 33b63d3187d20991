// What the machine does: processors in use, memory that is left. The coordinator places tasks by it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "crossmill/v1/worker.pb.h"

namespace crossmill::worker {

struct LoadSources {
  std::string stat = "/proc/stat";
  std::string memory = "/proc/meminfo";
  // Not on every kernel.
  std::string memory_pressure = "/proc/pressure/memory";
};

// How much of the time some process of this machine waited for a processor. Thread safe.
class ProcessorWait {
 public:
  // Measures from now on.
  explicit ProcessorWait(std::string pressure = "/proc/pressure/cpu");
  // Share of the time since then, 0 to 1; 0 where the kernel does not tell.
  double Share() const;

 private:
  const std::string pressure_;
  const absl::Time began_;
  const std::optional<uint64_t> waited_;
};

// Processor time since boot, summed over all processors, in the kernel's ticks.
struct ProcessorTime {
  uint64_t busy = 0;
  uint64_t total = 0;
};
// The first line of /proc/stat; nothing if it is not one. Waiting for a disk is not busy.
std::optional<ProcessorTime> ParseProcessorTime(std::string_view stat);
// Microseconds: "total" of the line "some" in a file of /proc/pressure; nothing if there is none.
std::optional<uint64_t> ParseStalled(std::string_view pressure);
// "some avg10" of a file of /proc/pressure, 0 to 1; 0 if there is none.
double ParsePressure(std::string_view pressure);

// Not thread safe.
class HostLoadMeter {
 public:
  // Measures from now on.
  explicit HostLoadMeter(uint32_t cpus, LoadSources sources = {});

  // Over the time since the last sample; nothing while that is too short to tell (a tenth of a second), and
  // where the kernel does not say.
  std::optional<v1::HostLoad> Sample();

 private:
  const uint32_t cpus_;
  const LoadSources sources_;
  std::optional<ProcessorTime> last_;
};

}  // namespace crossmill::worker
