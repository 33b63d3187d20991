// Where a RUN step tells its installers to put packages, read from its command and environment.
#pragma once

#include <string>
#include <vector>

#include "crossmill/v1/plan.pb.h"

namespace crossmill::packages {

// Folders named by --target, --prefix, --root (with and without `=`, also pip's -t), PIP_TARGET and the like,
// and PYTHONPATH; absolute, without the leading slash, as paths in a layer. Variables are those of the step's
// environment; what the shell makes up on its way is not known.
std::vector<std::string> InstallFolders(const v1::Run& run);

// The command makes wheels: `pip wheel`, `-m build`, `bdist_wheel`, `uv build`.
bool MakesWheels(const v1::Run& run);

// The command makes wheels of folders: `-m build`, `bdist_wheel`, `uv build`, `poetry build`. Such a wheel
// came from nowhere else.
bool BuildsWheels(const v1::Run& run);

}  // namespace crossmill::packages
