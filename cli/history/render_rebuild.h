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

// "✓", "✗", "?".
std::string_view ResultGlyph(v1::RebuildComparison::Result result);
Ink ResultInk(v1::RebuildComparison::Result result);

// What the two sides of a comparison are called.
struct TwoSides {
  std::string first;
  std::string second;
};

// "✗ different: not the image of build 3: ...", a line.
std::string RenderResult(const v1::RebuildComparison& comparison, const TextOptions& options);
// A line per level, strictest first.
std::string RenderLevels(const v1::RebuildComparison& comparison, const TwoSides& sides,
                         const TextOptions& options);
// The same; `sides` name the members with the digests.
Json LevelsJson(const v1::RebuildComparison& comparison, const TwoSides& sides);

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
