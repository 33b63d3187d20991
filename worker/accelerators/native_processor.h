// What this machine's processor has to have for a native program to compute what the emulated one does.
//
// LLVM computes constants (sin, exp, pow and so on of a literal) by the C library's own functions. These have
// an implementation for processors with fused multiplication, whose results are those of arm64's, which
// always fuses, and another one whose last bit is not always the same.
#pragma once

#include <string>
#include <vector>

namespace crossmill::worker {

// The first of the features ("fma", "avx2") that the processor lacks, or whose name is not known here; empty:
// it has all.
std::string MissingFeature(const std::vector<std::string>& features);

}  // namespace crossmill::worker
