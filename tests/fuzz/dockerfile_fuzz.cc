// Dockerfile text -> plan: any bytes give a plan or an INVALID_ARGUMENT with a place, never anything else.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/digest.h"
#include "common/plan/planner.h"
#include "common/words/platform.h"

namespace {

// Its triggers need a further image, and a mount.
constexpr char kConfig[] = R"({"os":"linux","config":{"Env":["PATH=/bin"],"WorkingDir":"w",
  "OnBuild":["RUN --mount=from=more,target=m x","COPY --from=more /a /b"]}})";

// The build stops at what is neither a result nor a mistake of the recipe.
void Check(const absl::Status& status) {
  if (!status.ok() && status.code() != absl::StatusCode::kInvalidArgument) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace crossmill;  // NOLINT: one function
  const std::string text(reinterpret_cast<const char*>(data), size);
  Check(plan::CheckSyntax("Dockerfile", text));
  v1::Recipe recipe;
  recipe.set_dockerfile(text);
  v1::NamedContext& tree = *recipe.add_contexts();
  tree.set_name("tree");
  tree.mutable_tree()->set_hash(Sha256Hex("tree"));
  v1::NamedContext& image = *recipe.add_contexts();
  image.set_name("image::linux/arm64");
  image.set_image("other:1");
  v1::NamedContext& layout = *recipe.add_contexts();
  layout.set_name("image");
  layout.mutable_image_root()->set_hash(Sha256Hex("layout"));
  plan::PlanOptions options;
  options.platforms = {*ParsePlatform("linux/amd64"), *ParsePlatform("linux/arm64")};
  options.build_platform = options.platforms[0];
  std::vector<v1::PinnedImage> bases;
  while (true) {
    const auto needs = plan::FindBases(recipe, options, bases);
    Check(needs.status());
    if (!needs.ok()) return 0;
    if (needs->size() < bases.size()) std::abort();
    if (needs->size() == bases.size()) break;
    bases.resize(needs->size());
    for (v1::PinnedImage& base : bases) base.set_config(kConfig);
  }
  Check(plan::MakePlan(recipe, options, bases).status());
  return 0;
}
