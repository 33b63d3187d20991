// --accelerate: whether native programs may stand in for emulated ones (docs/accelerators.md). Pure.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "crossmill/v1/plan.pb.h"
#include "crossmill/v1/result.pb.h"

namespace crossmill {

// "auto", "off" or "verify".
std::string_view AccelerationWord(v1::Acceleration acceleration);
// INVALID_ARGUMENT says which words there are.
absl::StatusOr<v1::Acceleration> ParseAcceleration(std::string_view text);

// Whether a set for the architecture is for programs of the platform: a variant is of other ones, but that
// arm is never without one.
bool IsSetFor(std::string_view architecture, const v1::Platform& platform);

// "equal", "set-differs", "recipe-differs" or "not-compared".
std::string_view CheckWord(v1::AccelerationCheck::Outcome outcome);

}  // namespace crossmill
