// What a step's root, mounts and command say to Python installers about indexes.
#pragma once

#include "worker/index/index_announcement.h"
#include "worker/sandbox/sandbox.h"

namespace crossmill::worker {

// Files are looked for where pip and uv look, in the root as it is before the step; a mount over such a place
// counts as a file that names an index.
InstallerSettings InstallerSettingsOf(const SandboxRun& run, const std::vector<StepMount>& mounts);

}  // namespace crossmill::worker
