// What makes two builds builds of the same recipe, whose packages are worth comparing. Pure.
// docs/formats.md, "The same recipe", has the rule for readers.
#pragma once

#include <string>

#include "crossmill/v1/build.pb.h"

namespace crossmill::core {

struct RecipeIdentity {
  // Equal for builds of one recipe, and readable: image names without tags (where there are none, where the
  // context came from), the Dockerfile's name, the target. Empty when neither is known: such a build is
  // compared with no other. Of another project than `default` it begins with that (core::InProject).
  std::string recipe;
  // SHA-256 of the build arguments in hex; empty without any. One recipe may have several sets of them.
  std::string arguments;
  // What people call the recipe: its image names with tags, else its context, else its Dockerfile.
  std::string label;
};

RecipeIdentity IdentifyRecipe(const v1::BuildSubmission& submission);

}  // namespace crossmill::core
