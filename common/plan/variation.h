// Variations: in what the executions of one step that are compared differ on purpose, so that a recipe which
// depends on it cannot pass as reproducible. Pure.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::plan {

// The aspects that executions can be given on purpose; also the standard set: they cost nothing and no recipe
// may depend on them. In the order of the protocol.
std::span<const v1::Aspect> StandardAspects();

// What a build asks for: the standard set unless it says otherwise. Aspects that are none of the standard set
// are left out: nobody can give them.
std::vector<v1::Aspect> AspectsOf(const v1::BuildOptions& options);

// --vary: "standard", "none", or names of aspects with commas between them. INVALID_ARGUMENT names what is
// there.
absl::StatusOr<v1::Vary> ParseVary(std::string_view text);

}  // namespace crossmill::plan
