#include "coordinator/core/recipe_identity.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/digest.h"
#include "coordinator/core/standing/scope.h"

namespace crossmill::core {
namespace {

// "registry:5000/team/service" of "registry:5000/team/service:1.0@sha256:...".
std::string WithoutTag(std::string_view image) {
  image = image.substr(0, image.find('@'));
  const size_t slash = image.rfind('/');
  const size_t colon = image.rfind(':');
  if (colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash))
    image = image.substr(0, colon);
  return std::string(image);
}

template <typename Texts>
std::string Joined(const Texts& texts) {
  std::string joined;
  for (const std::string& text : texts) joined += (joined.empty() ? "" : ", ") + text;
  return joined;
}

std::string DigestOfArguments(const v1::Recipe& recipe) {
  if (recipe.build_arguments().empty()) return "";
  std::vector<std::pair<std::string, std::string>> arguments;
  for (const v1::BuildArgument& argument : recipe.build_arguments()) {
    arguments.emplace_back(argument.name(), argument.value());
  }
  std::stable_sort(arguments.begin(), arguments.end(),
                   [](const auto& left, const auto& right) { return left.first < right.first; });
  std::string text;
  // A zero byte is in neither, so no two sets give one text.
  for (const auto& [name, value] : arguments) text += name + '\0' + value + '\0';
  return Sha256Hex(text);
}

}  // namespace

RecipeIdentity IdentifyRecipe(const v1::BuildSubmission& submission) {
  const v1::Recipe& recipe = submission.recipe();
  const auto& tags = submission.options().tags();
  std::set<std::string> images;
  for (const std::string& tag : tags) images.insert(WithoutTag(tag));
  RecipeIdentity identity;
  if (!images.empty()) {
    identity.recipe = (images.size() == 1 ? "image " : "images ") + Joined(images);
  } else if (!recipe.context_origin().empty()) {
    identity.recipe = "context " + recipe.context_origin();
  }
  if (!identity.recipe.empty()) {
    identity.recipe += ", " + recipe.dockerfile_name();
    if (!recipe.target().empty()) identity.recipe += ", target " + recipe.target();
    identity.recipe = InProject(submission.project(), identity.recipe);
    identity.arguments = DigestOfArguments(recipe);
  }
  identity.label = !tags.empty()                      ? Joined(tags)
                   : !recipe.context_origin().empty() ? recipe.context_origin()
                                                      : recipe.dockerfile_name();
  return identity;
}

}  // namespace crossmill::core
