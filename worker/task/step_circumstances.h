// Under what a RUN is executed (v1.Circumstance): what a replica is given otherwise than the first execution,
// and what is told of it.
#pragma once

#include <optional>
#include <stop_token>
#include <string>

#include "common/base/clock.h"
#include "crossmill/v1/plan.pb.h"
#include "crossmill/v1/result.pb.h"
#include "worker/sandbox/sandbox.h"

namespace crossmill::worker {

// Facts of this machine; empty: not known.
struct HostFacts {
  std::string kernel;
  std::string cpu_model;
};

// Of one step. Not thread safe; the references outlive it.
class StepCircumstances {
 public:
  StepCircumstances(const v1::Step& step, const v1::Variation& variation, const HostFacts& host, Clock& clock)
      : step_(step), variation_(variation), host_(host), clock_(clock) {}

  // What the sandbox is to do otherwise than usually.
  void Apply(SandboxRun* run);
  // Until this clock reads a second in which the first execution did not run; a few seconds at most. Where it
  // can't be had, Tell shows it. Returns early after a stop.
  void WaitApart(const std::stop_token& stop) const;
  // Around the sandbox's Run.
  void Started() { started_at_ = UnixNanos(clock_.Now()); }
  void Ended() { ended_at_ = UnixNanos(clock_.Now()); }
  void Tell(v1::StepResult* result) const;

 private:
  bool IsAsked(v1::Aspect aspect) const;

  const v1::Step& step_;
  const v1::Variation& variation_;
  const HostFacts& host_;
  Clock& clock_;
  std::string host_name_;
  unsigned processors_ = 0;
  int64_t started_at_ = 0;
  int64_t ended_at_ = 0;
};

}  // namespace crossmill::worker
