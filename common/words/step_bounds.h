// Limits of a step in words: how people write them, how they are told, which of several counts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "crossmill/v1/result.pb.h"

namespace crossmill {

// Those of StepBounds, in the order in which they are told.
absl::Span<const v1::StepBound> AllStepBounds();

// As settings and JSON name it: "memory", "cpus", "processes", "disk", "log", "open-files", "time".
std::string_view StepBoundName(v1::StepBound bound);
// The flag of `crossmill build`: "--memory".
std::string_view StepBoundFlag(v1::StepBound bound);

// 0: there is none.
uint64_t ValueOf(const v1::StepBounds& bounds, v1::StepBound bound);
void SetValue(v1::StepBound bound, uint64_t value, v1::StepBounds* bounds);

// What a person writes for one: "2g", "512m" or bytes for memory, disk and log; "1.5" for processors; a
// number. `name` is what the message calls it ("--memory"). INVALID_ARGUMENT.
absl::StatusOr<uint64_t> ParseStepBound(v1::StepBound bound, std::string_view text, std::string_view name);
// "memory=4g", as settings give it; `flag` is what the message calls it. Twice the same: the later one
// counts.
absl::Status AddStepBound(std::string_view text, std::string_view flag, v1::StepBounds* bounds);

// "2 GiB", "1.5 processors", "64".
std::string FormatStepBound(v1::StepBound bound, uint64_t value);

// `wanted`, and where it says nothing `usual`.
v1::StepBounds WithUsual(v1::StepBounds wanted, const v1::StepBounds& usual);
// The lesser of each; what one does not say the other does.
v1::StepBounds LeastOf(v1::StepBounds one, const v1::StepBounds& other);

// "killed at its memory limit of 2 GiB": what happened, and behind a semicolon what to do about it.
std::string TellBoundReached(const v1::BoundReached& reached);

}  // namespace crossmill
