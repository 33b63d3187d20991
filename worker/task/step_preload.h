// Gives a step the library that shows its programs another clock and another order of files (worker/preload).
#pragma once

#include <string>

#include "worker/preload/preload_library.h"
#include "worker/sandbox/sandbox.h"

namespace crossmill::worker {

// What does not see it, for people: the words of v1.Circumstance.limit.
inline constexpr std::string_view kPreloadLimit =
    "programs that are linked statically and what asks the kernel itself (Go)";

// Adds the library and the list that makes the root's loader preload it to the run's files, and says whether
// every program of the root that is linked dynamically will have it. False, with the run as it was, where
// that is not sure: no library for the platform; the root's loader is not glibc's, or it has one of musl or
// of 32 bits too, whose programs would not see it or complain; the root's own list cannot be kept, or the
// recipe names it (where ours is mounted it could not write it); or a mount of the recipe hides the place.
// Reads the run and its root, and trusts nothing in the root.
bool AddPreload(const PreloadSettings& settings, SandboxRun* run);

}  // namespace crossmill::worker
