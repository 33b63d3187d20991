#include "common/words/acceleration.h"

#include "common/base/status.h"

namespace crossmill {

std::string_view AccelerationWord(v1::Acceleration acceleration) {
  switch (acceleration) {
    case v1::ACCELERATION_OFF:
      return "off";
    case v1::ACCELERATION_VERIFY:
      return "verify";
    default:
      return "auto";
  }
}

absl::StatusOr<v1::Acceleration> ParseAcceleration(std::string_view text) {
  for (const v1::Acceleration each :
       {v1::ACCELERATION_UNSPECIFIED, v1::ACCELERATION_OFF, v1::ACCELERATION_VERIFY}) {
    if (text == AccelerationWord(each)) return each;
  }
  return absl::InvalidArgumentError("expected auto, off or verify");
}

bool IsSetFor(std::string_view architecture, const v1::Platform& platform) {
  return platform.architecture() == architecture && platform.variant() == (architecture == "arm" ? "v7" : "");
}

std::string_view CheckWord(v1::AccelerationCheck::Outcome outcome) {
  switch (outcome) {
    case v1::AccelerationCheck::OUTCOME_EQUAL:
      return "equal";
    case v1::AccelerationCheck::OUTCOME_SET_DIFFERS:
      return "set-differs";
    case v1::AccelerationCheck::OUTCOME_RECIPE_DIFFERS:
      return "recipe-differs";
    default:
      return "not-compared";
  }
}

}  // namespace crossmill
