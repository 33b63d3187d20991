// The recipes that a wheelhouse is made with: Dockerfiles, each for one target. Pure.
//
// Commands are such that the farm reads them (docs/architecture.md, "What a build would install"): what it
// says before a step, and what it keeps of what it compiles, are then the same as for anybody's Dockerfile.
#pragma once

#include <string>
#include <string_view>

#include "absl/types/span.h"
#include "cli/wheelhouse/target.h"
#include "cli/wheelhouse/target_plan.h"
#include "cli/wheelhouse/wanted.h"

namespace crossmill::cli {

// Beside the wheels in the image that a recipe ends with: what was done to them, one statement a line, "WHAT
// WORD" or "WHAT WORD TEXT" (cli/wheelhouse/package_record.h).
inline constexpr std::string_view kStatementsFile = "statements.txt";

// Is never built: the farm says what its one RUN would bring. `pip wheel` takes nothing that is installed
// already for granted, as a wheelhouse must not.
std::string ResolveRecipe(const WheelTarget& target, const WantedPackages& wanted);

// Fetches the wheels of these packages.
std::string FetchRecipe(const WheelTarget& target, const WantedPackages& wanted,
                        absl::Span<const PlannedPackage* const> packages);

// Compiles one package; auditwheel repairs its wheel where the image has that program, and abi3audit judges
// it if `abi3_check`.
std::string CompileRecipe(const WheelTarget& target, const WantedPackages& wanted,
                          const PlannedPackage& package, bool abi3_check);

}  // namespace crossmill::cli
