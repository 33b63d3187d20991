// What events of builds and a build's end add to the farm's counters. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "crossmill/v1/build.pb.h"

namespace crossmill::coordinator {

struct StepCounts {
  int64_t executed = 0, failed = 0, interrupted = 0, cached = 0, shared = 0, missed = 0;
  bool operator==(const StepCounts&) const = default;
};

// By platform, "linux/arm64". Each event is counted once: a restarted coordinator has the view of before and
// new events only. `view` has the stages that the events speak of.
std::map<std::string, StepCounts> CountSteps(const std::vector<v1::BuildEvent>& events,
                                             const v1::BuildView& view);

struct BuildTimes {
  // From the submission until the first of its own executions began; nothing if it had none.
  std::optional<double> wait_seconds;
  double seconds = 0;
};

// Of a build that has ended; nothing of one that compiled wheels for another, which nobody asked for.
std::optional<BuildTimes> TimesOf(const v1::BuildView& view);

}  // namespace crossmill::coordinator
