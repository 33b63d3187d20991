// What earlier executions tell of a step that is to be executed: how long it will take, and how much of a
// machine. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "coordinator/core/expected_time.h"
#include "coordinator/core/host_room.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::core {

// An earlier success.
struct PastUse {
  int64_t duration_ns = 0;
  // Processor time of all its processes.
  int64_t cpu_ns = 0;
  // Bytes.
  int64_t peak_memory = 0;
  // Share of the time in which some process of the machine waited for a processor.
  double cpu_wait_share = 0;
};

// Processors that it would use on average if it got them. Beside others it gets fewer than it wants: eight
// compilers on two processors use a quarter each. So what used more than a little while there were not enough
// is taken to want a whole one.
double CpusOf(const PastUse& past);

// What a RUN does, whatever it does it to: equal for the same command on the same platform in another build,
// on other files, after other steps. Empty for steps that run nothing.
std::string StepShape(const v1::Step& step, const v1::Platform& platform);

// Of a RUN that was never seen, among none that was.
constexpr absl::Duration kUnseenStep = absl::Seconds(10);

// Looks a shape up: the last success, natively or under emulation.
using LookUpPast = std::function<std::optional<PastUse>(const std::string& shape, bool emulated)>;

struct Forecast {
  // That of the hungriest step. Unknown as soon as one of the RUN steps was never seen, or without any.
  ExpectedUse use;
  // How long the RUN steps take; unknown as soon as one was never seen so, or without any.
  ExpectedTime time;
  // How long it will take, anyway: a step that was never seen takes as long as the others of the stage on
  // average, or kUnseenStep. For putting one before another, not for waiting.
  absl::Duration guess;
};
Forecast ForecastOf(const v1::Task& task, const LookUpPast& past);

}  // namespace crossmill::core
