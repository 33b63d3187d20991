// Aspects in which an execution differs from the first by variables of its environment.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "crossmill/v1/plan.pb.h"

namespace crossmill::worker {

// What is told of an aspect in which an execution is as the step has it.
inline constexpr std::string_view kUsualValue = "usual";

struct VariedVariable {
  v1::Aspect aspect = v1::ASPECT_UNSPECIFIED;
  // "TZ=<+14>-14", only ever of a value that this farm chose; what the recipe or a secret gave is "usual".
  std::string value;
  // What does not see it, for people; empty: nothing is known.
  std::string limit;
};

// Changes `env` (NAME=value, complete) by what `variation` asks for, and tells of each such aspect what the
// environment has now. A variable that the environment already has stays (but PATH gets longer): it is an
// input of the step. Pure.
std::vector<VariedVariable> VaryVariables(const v1::Variation& variation, std::vector<std::string>* env);

}  // namespace crossmill::worker
