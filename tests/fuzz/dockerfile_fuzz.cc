// Dockerfile text -> plan: any bytes give a plan or an INVALID_ARGUMENT with a place, never anything else.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "common/plan/planner.h"
#include "common/plan/platform.h"

namespace {

constexpr char kConfig[] = R"({"os":"linux","config":{"Env":["PATH=/bin"],"OnBuild":["RUN x"]}})";

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
  plan::PlanOptions options;
  options.platforms = {*plan::ParsePlatform("linux/amd64"), *plan::ParsePlatform("linux/arm64")};
  options.build_platform = options.platforms[0];
  const auto needs = plan::FindBases(recipe, options);
  Check(needs.status());
  if (!needs.ok()) return 0;
  std::vector<v1::PinnedImage> bases(needs->size());
  for (v1::PinnedImage& base : bases) base.set_config(kConfig);
  Check(plan::MakePlan(recipe, options, bases).status());
  return 0;
}
