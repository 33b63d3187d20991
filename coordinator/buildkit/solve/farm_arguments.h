// What only this farm knows, said by clients that know nothing of it: build arguments whose names begin with
// CROSSMILL_. They are taken out before the recipe sees them. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "common/words/requirement.h"
#include "crossmill/v1/build.pb.h"

namespace crossmill::coordinator::buildkit {

inline constexpr std::string_view kFarmArgumentPrefix = "CROSSMILL_";

// What such arguments say that is no option of the farm's build.
struct FarmChoices {
  Requirement requirement;
  // The build goes on when its client goes away.
  bool detached = false;
};

struct FarmArgument {
  std::string_view name;
  // The flag of `crossmill build` that it is.
  std::string_view flag;
  // For docs/buildkit.md.
  std::string_view example;
};

// All that there are, by name.
const std::vector<FarmArgument>& FarmArguments();

// One argument into the options. INVALID_ARGUMENT: the value, or a name that is none, with the list.
absl::Status AddFarmArgument(std::string_view name, const std::string& value, v1::BuildOptions* options,
                             FarmChoices* choices);

// What holds of all together, once they are all there: executions that a requirement needs.
absl::Status FinishFarmArguments(v1::BuildOptions* options, const FarmChoices& choices);

}  // namespace crossmill::coordinator::buildkit
