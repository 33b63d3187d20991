// Two recorded builds beside each other (v1.PlatformPair), for people and as JSON. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "cli/show/text.h"
#include "common/base/json.h"
#include "crossmill/v1/comparison.pb.h"

namespace crossmill::cli {

struct BuildPair {
  // The builds' numbers.
  int64_t first = 0;
  int64_t second = 0;
  std::vector<v1::PlatformPair> platforms;
};

// Each platform: levels, where they part, all steps, what was given otherwise, and of steps that differ at
// most `paths` paths with the causes.
std::string RenderBuildPair(const BuildPair& pair, const TextOptions& options, size_t paths);
Json BuildPairJson(const BuildPair& pair);

}  // namespace crossmill::cli
