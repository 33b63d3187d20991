// What may be said of a cell that was built again, beside what was recorded of it. Pure; docs/formats.md,
// "Rebuilds", has the rules for readers.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "crossmill/v1/report.pb.h"

namespace crossmill::coordinator {

// One image of the two, as far as it is known. Digests are "sha256:...".
struct ImageFacts {
  std::string manifest;
  // DiffIDs, bottom first, base included.
  std::vector<std::string> layers;
  // Empty: the manifest could not be read.
  std::string config;
  // Compressed layers, as the manifest lists them.
  std::vector<std::string> blobs;
};

struct RebuildFacts {
  // The recorded build.
  int64_t build = 0;
  ImageFacts then;
  ImageFacts now;
  // Why a manifest could not be read; empty: both were, or nobody had to.
  std::string manifest_problem;
  // verdict::CompareCell of the two executions of each step.
  v1::CellComparison comparison;
  // By index into comparison.steps: the step was executed with other input than then (its key differs).
  std::set<uint32_t> other_keys;
};

// An image is equal if config and all layers are: what no compressor can change. What decides that and is not
// known makes the result unknown, never equal.
v1::RebuildComparison JudgeRebuild(RebuildFacts facts);

}  // namespace crossmill::coordinator
