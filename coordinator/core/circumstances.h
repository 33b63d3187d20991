// In what the executions of steps that were compared differed, and in what they were the same: what a verdict
// may claim about them. Pure; follows from what workers told (v1.Circumstance), never from what was asked.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/types/span.h"
#include "common/words/told_clock.h"
#include "coordinator/core/build_state.h"
#include "crossmill/v1/plan.pb.h"
#include "crossmill/v1/report.pb.h"

namespace crossmill::core {

// As the worker's own clock has it, whatever its programs were shown; nullopt: it was not told.
std::optional<ClockInterval> ClockOf(const StepFact& fact);
// Whether another execution of a RUN, whose clock was to be another, ran when the first did not: else times
// of files, which no shift reaches, may agree by accident. By what both told of their real clocks; where one
// did not, or they ran after each other as the coordinator was told, that is for the verdict's words.
bool StandsApart(const StepFact& first, const StepFact& other);

// Whether some step of two seconds, the coarsest time that programs write, is in both: what depends on the
// second may then be the same by chance.
bool ShareATime(const ClockInterval& one, const ClockInterval& other);

// Whether its programs were shown another clock than the worker's own.
bool ClockWasShifted(const v1::Witness& witness);

// True if an execution of a RUN was asked to differ from the first in all these aspects. Agreement under a
// weaker set never answers for a stronger one.
bool WasVaried(const StepFact& fact, absl::Span<const v1::Aspect> aspects);

// Fills in `varied`, `equal` and `circumstances` from the witnesses of the steps with the indexes `runs`,
// which are RUNs: an aspect is varied if it was in each of them that has more than one execution which
// succeeded, and equal if it was in any. What an execution does not tell is not known of its step. The clock
// is varied where two executions have no step of two seconds in common; the words say how far apart those of
// the step that is worst off were, and what programs had of it that do not see the shift.
void DescribeCircumstances(absl::Span<const int> runs, v1::CellComparison* comparison);

}  // namespace crossmill::core
