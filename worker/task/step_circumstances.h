// Under what a RUN is executed (v1.Circumstance): what a replica is given otherwise than the first execution,
// and what is told of it.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "crossmill/v1/plan.pb.h"
#include "crossmill/v1/result.pb.h"
#include "worker/sandbox/sandbox.h"
#include "worker/task/varied_variables.h"

namespace crossmill::worker {

// Facts of this machine; empty: not known.
struct HostFacts {
  std::string kernel;
  std::string cpu_model;
};

// Whether an execution is to differ from the first in this.
bool Varies(const v1::Variation& variation, v1::Aspect aspect);

// The first moment whose time is another in every format, zip too, which counts in steps of two seconds, than
// the time of whatever ended at `ended`. Unix time in nanoseconds.
int64_t FirstMomentApart(int64_t ended);

// Waits until `clock` reads a time that is apart from the first execution's; a few seconds at most: where it
// can't be had, what is told of the clock shows it. Returns early after a stop. Before the step begins: the
// wait is none of its time.
void WaitApart(const v1::Step& step, const v1::Variation& variation, Clock& clock,
               const std::stop_token& stop);

// Of one step. Not thread safe; step, host and clock outlive it.
class StepCircumstances {
 public:
  StepCircumstances(const v1::Step& step, v1::Variation variation, const HostFacts& host, Clock& clock)
      : step_(step), variation_(std::move(variation)), host_(host), clock_(clock) {}

  // What the sandbox is to do otherwise than usually. After everything else of `run` is known.
  void Apply(SandboxRun* run);
  // Around the sandbox's Run.
  void Started() { started_at_ = UnixNanos(clock_.Now()); }
  void Ended(unsigned processors, unsigned process_ids) {
    ended_at_ = UnixNanos(clock_.Now());
    processors_ = processors;
    process_ids_ = process_ids;
  }
  // Of an emulated step: the processor that the emulator was told to play; empty: it plays its own. What the
  // recipe asks the emulator for counts for it, too.
  void Emulated(std::string_view processor);
  void Tell(v1::StepResult* result) const;
  // How much later the clock was that its programs were shown, in nanoseconds.
  int64_t clock_shift() const { return shift_; }

 private:
  bool IsAsked(v1::Aspect aspect) const { return Varies(variation_, aspect); }
  // To be another than the first execution's: of what has few values some replicas are given the same.
  bool IsToDiffer(v1::Aspect aspect) const;
  void ApplyPreload(SandboxRun* run);

  const v1::Step& step_;
  const v1::Variation variation_;
  const HostFacts& host_;
  Clock& clock_;
  std::string host_name_;
  std::string emulated_;
  // That this worker has for steps, and that the sandbox gave this one; 0: not known.
  unsigned all_processors_ = 0;
  unsigned processors_ = 0;
  // How much later its programs read the clock, in nanoseconds, and whether they read folders backwards.
  int64_t shift_ = 0;
  bool reversed_ = false;
  // The last that passed before the step; 0: they begin as usually, or it is not known.
  unsigned process_ids_ = 0;
  std::vector<VariedVariable> variables_;
  int64_t started_at_ = 0;
  int64_t ended_at_ = 0;
};

}  // namespace crossmill::worker
