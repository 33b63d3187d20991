// A recorded build that was built again (v1.RebuildComparison), for people and as JSON. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "cli/show/text.h"
#include "common/base/json.h"
#include "crossmill/v1/build.pb.h"

namespace crossmill::cli {

// "equal", "different", "unknown"; "not compared" of a cell that has no comparison.
std::string_view RebuildWord(v1::RebuildComparison::Result result);

// The rebuild's cells beside the recorded ones: levels, and the steps that differ with at most `paths` paths
// each.
std::string RenderRebuild(const v1::BuildView& rebuild, const TextOptions& options, size_t paths);
Json RebuildJson(const v1::BuildView& rebuild);

// The gravest of the cells; unknown if one was not compared.
v1::RebuildComparison::Result ResultOf(const v1::BuildView& rebuild);
// Of a rebuild that has ended: 0 if all cells are equal and, where several hosts were asked for, agree; 3 if
// one differs from the recorded one or the executions do; 6 if something decisive could not be compared; else
// as a build.
int RebuildExitCode(const v1::BuildView& rebuild);

}  // namespace crossmill::cli
