// The flags of `crossmill build` and `crossmill retry`, as the parser is told them.
#pragma once

#include "cli/recipe/build_flags.h"

namespace CLI {
class App;
}

namespace crossmill::cli {

// `build` has all, and those of Docker's that mean nothing here.
void AddBuildArguments(CLI::App* command, BuildFlags* flags);

// `retry` has only those for results and offers: recipe and options are the farm's.
void AddRetryArguments(CLI::App* command, BuildFlags* flags);

}  // namespace crossmill::cli
