// requirements.lock of a target: each package with the digests of its wheels, for `pip install
// --require-hashes` and `uv pip install --require-hashes`. Pure.
#pragma once

#include <string>

#include "cli/wheelhouse/package_record.h"

namespace crossmill::cli {

// By name. A package without a wheel stands there without a digest, after a comment that says why: installers
// refuse the whole file then, and never install less than was asked for.
std::string LockFile(const TargetRecord& record);

}  // namespace crossmill::cli
