// The builds of one recipe as a row of the wall: its newest state by platform, and the builds before. Pure.
#pragma once

#include <string>

#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/overview.pb.h"

namespace crossmill::overview {

// Builds in a strip.
inline constexpr int kStrip = 20;
// Cells of a row: the platforms that were built last.
inline constexpr int kMostCells = 64;

// By what its row is found: v1.WallRow.recipe.
std::string RowKeyOf(const v1::BuildSubmission& submission);

// Adds a build that has ended to the row of its recipe, which may be empty. Once more changes nothing; builds
// may end in any order.
void AddToRow(const v1::BuildSubmission& submission, const v1::BuildView& view, v1::WallRow* row);

}  // namespace crossmill::overview
