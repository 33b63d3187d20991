// The recipe of a published image, found in the statements about it or in its labels, as flags of a build.
// Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "cli/images/image_inspect.h"
#include "cli/recipe/build_flags.h"
#include "common/attest/provenance_recipe.h"
#include "crossmill/v1/client_service.pb.h"

namespace crossmill::cli {

// What the user says in place of what the statements say; empty: nothing.
struct RecipeOverrides {
  std::string context;
  std::string file;
  std::vector<std::string> build_args;
};

struct PublishedRecipe {
  // Of all platforms; its bases stand in `pins`.
  attest::ProvenanceRecipe recipe;
  // Values of --build-context that hold the bases at the digests which they had then.
  std::vector<std::string> pins;
  // Those of the build itself: names that it gave to other images, at their digests where these are told.
  std::vector<std::string> named;
};

// The recipe of these platforms of the image. Of several statements about a platform one in the image's index
// comes first; an image without any is read by its labels. Statements about something else are passed over.
// NOT_FOUND: none of them tells where the image came from; FAILED_PRECONDITION: the platforms were not made
// by one recipe.
absl::StatusOr<PublishedRecipe> FindPublishedRecipe(absl::Span<const InspectedPlatform> platforms,
                                                    const v1::ReadStatementsResponse& statements);

// What the user says in place of something that is told makes another recipe: a gap. Arguments that are given
// again are taken out.
void TakeOverrides(const RecipeOverrides& overrides, attest::ProvenanceRecipe* recipe);

// `crossmill build` as the recipe and, after TakeOverrides, the overrides say it, without the cache.
// FAILED_PRECONDITION: nobody says where the context is, or the Dockerfile is not in it.
absl::StatusOr<BuildFlags> FlagsOf(const PublishedRecipe& published, const RecipeOverrides& overrides,
                                   absl::Span<const InspectedPlatform> platforms);

}  // namespace crossmill::cli
