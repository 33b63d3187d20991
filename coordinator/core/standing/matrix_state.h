// What the builds of a matrix say together of a name: it is told once, when the last of them has ended. Pure;
// docs/formats.md, "Changes of state", has the rule for readers.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/history.pb.h"

namespace crossmill::core {

struct EndedBuild {
  v1::BuildSubmission submission;
  v1::BuildView view;
};

// Of each name and platform (as FormatPlatform writes it) of the builds the gravest row, whose reason says
// which combination it is of. A cell that says nothing, because it was cancelled or the farm failed it, is
// graver than a good one: the name is well when every combination is.
std::map<std::pair<std::string, std::string>, v1::BuildHistoryRow> MatrixRows(
    const std::vector<EndedBuild>& builds);

}  // namespace crossmill::core
