// The differences of a build as one HTML page without scripts, to send or to keep. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/types/span.h"
#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/difference.pb.h"
#include "crossmill/v1/report.pb.h"

namespace crossmill::cli {

// A file in depth, and the step that made it.
struct ExplainedFile {
  v1::Platform platform;
  std::string stage_name;
  uint32_t step_number = 0;
  v1::FileDifference file;
};

// Everything that recipes, paths and bytes say is escaped.
std::string RenderDiffPage(const v1::BuildView& build, absl::Span<const v1::CellComparison> comparisons,
                           absl::Span<const ExplainedFile> files);

}  // namespace crossmill::cli
