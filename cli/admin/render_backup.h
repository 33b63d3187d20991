// What backup, restore and check found, for people. Pure.
#pragma once

#include <string>

#include "cli/show/text.h"
#include "common/base/json.h"

namespace crossmill::cli {

// The documents of crossmill-coordinator's commands of the same names (docs/formats.md, "JSON output").
std::string RenderBackup(const Json& backup);
std::string RenderRestore(const Json& restored);
std::string RenderCheck(const Json& report, const TextOptions& options);

}  // namespace crossmill::cli
