// What was given otherwise to one build than to an earlier one of the same recipe. Pure.
// docs/formats.md, "Recipes over time", describes the result for readers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/history.pb.h"

namespace crossmill::coordinator {

// What is on record of a build. Not owned.
struct BuildInputs {
  const v1::BuildSubmission& submission;
  const v1::BuildView& view;
  // The cell of `view` that is asked about.
  const v1::CellView& cell;
};

// Everything but context and packages, which are not in these messages. Bases and remote sources are those
// that the plans pinned; a build that has no plan on record has none, and nothing is said of them.
v1::BuildChanges CompareInputs(const BuildInputs& before, const BuildInputs& now);

// Lines that are in one text only, by the longest common subsequence, in the order of the new text, those
// that are gone first. Long texts that differ much (over 4 million pairs of lines) are told as replaced from
// the first line that differs to the last.
std::vector<v1::DockerfileLine> DiffLines(std::string_view before, std::string_view now);

}  // namespace crossmill::coordinator
