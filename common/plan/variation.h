// Variations: in what the executions of one step that are compared differ on purpose, so that a recipe which
// depends on it cannot pass as reproducible. Pure.
#pragma once

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::plan {

// What a build asks for: the standard set unless it says otherwise. The standard set is all that executions
// can be given on purpose: it costs nothing, and no recipe may depend on it. Other aspects are left out:
// nobody can give them. In the order of the protocol.
std::vector<v1::Aspect> AspectsOf(const v1::BuildOptions& options);

// Whether every replica differs from the first execution in this. In the others, of which there are few
// values, some replicas are as the first: else all of them had one in common that the first has not, and an
// execution that is alone could not be told from one that differs.
bool DiffersInEveryReplica(v1::Aspect aspect);

// --vary: "standard", "none", or names of aspects with commas between them, each once. INVALID_ARGUMENT says
// which word is wrong and which there are.
absl::StatusOr<v1::Vary> ParseVary(std::string_view text);

}  // namespace crossmill::plan
