// crossmill verify IMAGE: reads how a published image was made, has it built again, and compares the two.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/reproduce/published_recipe.h"
#include "cli/session/session.h"

namespace crossmill::cli {

struct ReproductionFlags {
  // Name in the store or in a registry.
  std::string image;
  std::string platform;
  // "image", "config", "blobs", "layers" or "files".
  std::string level = "files";
  bool level_given = false;
  RecipeOverrides overrides;
  uint32_t hosts = 1;
  bool allow_same_host = false;
  std::string vary;
  std::vector<std::string> secrets;
  std::vector<std::string> agents;
  std::string progress = "auto";
  size_t paths = 0;
};

// The exit code. An image that the store does not have is pulled, and stays there. Errors: what cannot be
// found or read of the image or its recipe, and those of a build.
absl::StatusOr<int> ReproduceImage(Session& session, const ReproductionFlags& flags);

// The build of this farm that made the image, if it is in the store; 0: none.
absl::StatusOr<int64_t> BuildOfImage(Session& session, const std::string& image);

}  // namespace crossmill::cli
