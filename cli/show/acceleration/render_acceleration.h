// Accelerated steps, the sets that workers have and those that are switched off, for people and as JSON
// (docs/accelerators.md). Pure.
#pragma once

#include <string>

#include "absl/types/span.h"
#include "common/base/json.h"
#include "crossmill/v1/accelerators.pb.h"
#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/worker.pb.h"

namespace crossmill::cli {

// How many steps of a cell a set was offered to, which compilers of theirs it does not stand for, and what
// comparisons gave; empty: none. How often its tools fitted a program nobody counts.
std::string RenderAcceleration(const v1::BuildView& build, const v1::CellView& cell);
// null where the step has none.
Json AccelerationJson(const v1::StepView& step);
Json AccelerationCheckJson(const v1::StepView& step);

// A line for each set of a worker, and for each reason why one, or a tool of it, is not used.
std::string RenderOffers(const v1::WorkerInfo& worker);
Json OffersJson(const v1::WorkerInfo& worker);

std::string RenderSwitchedOff(absl::Span<const v1::SwitchedOffAccelerator> accelerators, int64_t now);
Json SwitchedOffJson(absl::Span<const v1::SwitchedOffAccelerator> accelerators);

}  // namespace crossmill::cli
