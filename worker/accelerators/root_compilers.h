// Compilers that a step's root has as the step begins and that a set does not stand for: what keeps a step
// emulated is told, not left to be guessed.
#pragma once

#include <string>
#include <vector>

#include "worker/accelerators/accelerator_set.h"
#include "worker/accelerators/root_table.h"

namespace crossmill::worker {

// The compilers of gcc, clang, Rust and Go at the places where distributions, images and toolchains have
// them: absolute paths in `root`, in the order of these places. What lies elsewhere is not found. At most 20.
std::vector<std::string> CompilersOf(int root);

// A line for each of them that no tool stands for as it is: "PATH: why". `table` is that of `tools` and root.
std::vector<std::string> WithoutStandIn(int root, const std::vector<AcceleratedTool>& tools,
                                        const RootTable& table);

}  // namespace crossmill::worker
