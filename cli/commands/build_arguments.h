// The flags of `crossmill build` and `crossmill retry`, as the parser is told them.
#pragma once

#include "cli/recipe/build_flags.h"

namespace CLI {
class App;
}

namespace crossmill::cli {

// All of `build`, with those of Docker's that mean nothing here.
void AddBuildArguments(CLI::App* command, BuildFlags* flags);

// Of `retry`: the recipe and its options are the farm's, so only what concerns results and offers.
void AddRetryArguments(CLI::App* command, BuildFlags* flags);

}  // namespace crossmill::cli
