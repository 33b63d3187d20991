// A published image beside what its recipe gave again: how far they are equal, and what that says. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/images/image_pair.h"
#include "cli/show/text.h"
#include "common/attest/provenance_recipe.h"
#include "common/base/json.h"
#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/report.pb.h"

namespace crossmill::cli {

// Strictest first. "files": the file systems that the layers make, whatever layers these are, apart from
// times.
enum class ImageLevel { kManifest, kConfig, kBlobs, kLayers, kFiles, kNone };

// "image", "config", "blobs", "layers", "files"; INVALID_ARGUMENT names them.
absl::StatusOr<ImageLevel> ParseImageLevel(std::string_view text);

struct Reproduction {
  // Published first, then what was built now; all differing paths. Without platforms: nothing was compared,
  // since the build failed.
  ImagePair pair;
  attest::ProvenanceRecipe recipe;
  std::vector<std::string> pins;
  std::vector<std::string> named;
  // What was said in place of the recipe: "--context .".
  std::vector<std::string> overrides;
  // The build that made it again, on so many hosts.
  v1::BuildView build;
  uint32_t hosts = 1;
  // At least this has to be equal.
  ImageLevel required = ImageLevel::kFiles;
};

// The levels of a platform that both images have, in the order of ImageLevel.
std::vector<v1::LevelComparison> LevelsOf(const PlatformImagePair& pair);
// None implies the next one but "image", which implies all: equal configs name equal layers, which may be
// compressed otherwise.
bool IsEqualAt(const PlatformImagePair& pair, ImageLevel level);
ImageLevel StrictestEqual(const PlatformImagePair& pair);

// EQUAL: every platform is equal at the required level. DIFFERENT: one is not, and the recipe is whole.
// UNKNOWN: one is not, or could not be compared, but the recipe has gaps, so that another image proves
// nothing.
v1::RebuildComparison::Result ResultOf(const Reproduction& reproduction);

std::string RenderReproduction(const Reproduction& reproduction, const TextOptions& options, size_t paths);
Json ReproductionJson(const Reproduction& reproduction);
// 0 equal, 3 different, 6 unknown; of a build that failed the build's.
int ReproductionExitCode(const Reproduction& reproduction);

}  // namespace crossmill::cli
