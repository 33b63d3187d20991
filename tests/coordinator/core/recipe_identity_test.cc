#include "coordinator/core/recipe_identity.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace crossmill::core {
namespace {

struct GivenRecipe {
  std::vector<std::string> tags{};
  std::string origin{};
  std::string dockerfile = "Dockerfile";
  std::string target{};
  std::vector<std::pair<std::string, std::string>> arguments{};
};

RecipeIdentity Of(const GivenRecipe& given) {
  v1::BuildSubmission submission;
  for (const std::string& tag : given.tags) submission.mutable_options()->add_tags(tag);
  v1::Recipe& recipe = *submission.mutable_recipe();
  recipe.set_context_origin(given.origin);
  recipe.set_dockerfile_name(given.dockerfile);
  recipe.set_target(given.target);
  for (const auto& [name, value] : given.arguments) {
    v1::BuildArgument& argument = *recipe.add_build_arguments();
    argument.set_name(name);
    argument.set_value(value);
  }
  return IdentifyRecipe(submission);
}

TEST(RecipeIdentityTest, ImageNamesWithoutTagsComeFirst) {
  EXPECT_EQ(Of({{"example/app:1.0"}, "host:/a"}).recipe, "image example/app, Dockerfile");
  EXPECT_EQ(Of({{"example/app:1.0"}}).recipe, Of({{"example/app:2.0"}, "other:/b"}).recipe);
  EXPECT_EQ(Of({{"example/app:1.0"}}).label, "example/app:1.0");
  EXPECT_EQ(Of({{"host:5000/app"}}).recipe, "image host:5000/app, Dockerfile");
  EXPECT_EQ(Of({{"host:5000/app:1@sha256:00"}}).recipe, "image host:5000/app, Dockerfile");
  EXPECT_EQ(Of({{"b:1", "a:1", "a:latest"}}).recipe, "images a, b, Dockerfile");
  EXPECT_EQ(Of({{"b", "a"}}).recipe, Of({{"a", "b"}}).recipe);
}

TEST(RecipeIdentityTest, ElseTheContext) {
  EXPECT_EQ(Of({{}, "host:/src/app"}).recipe, "context host:/src/app, Dockerfile");
  EXPECT_EQ(Of({{}, "host:/src/app"}).label, "host:/src/app");
  EXPECT_NE(Of({{}, "host:/src/app"}).recipe, Of({{}, "host:/src/other"}).recipe);
}

TEST(RecipeIdentityTest, WithNeitherItIsLikeNoOther) {
  const RecipeIdentity identity = Of({{}, "", "standard input", "", {{"A", "1"}}});
  EXPECT_EQ(identity.recipe, "");
  EXPECT_EQ(identity.arguments, "");
  EXPECT_EQ(identity.label, "standard input");
}

TEST(RecipeIdentityTest, DockerfileAndTargetAreOfIt) {
  EXPECT_EQ(Of({{"a"}, "", "api/Dockerfile", "final"}).recipe, "image a, api/Dockerfile, target final");
  EXPECT_NE(Of({{"a"}, "", "Dockerfile", "test"}).recipe, Of({{"a"}, "", "Dockerfile", "final"}).recipe);
}

TEST(RecipeIdentityTest, ArgumentsAreApartWhateverTheirOrder) {
  const auto arguments = [](const std::vector<std::pair<std::string, std::string>>& given) {
    return Of({{"a"}, "", "Dockerfile", "", given}).arguments;
  };
  EXPECT_EQ(arguments({}), "");
  EXPECT_EQ(arguments({{"A", "1"}, {"B", "2"}}), arguments({{"B", "2"}, {"A", "1"}}));
  EXPECT_NE(arguments({{"A", "1"}}), arguments({{"A", "2"}}));
  EXPECT_NE(arguments({{"A", "1B"}}), arguments({{"A1", "B"}}));
  EXPECT_EQ(arguments({{"A", "value"}}).find("value"), std::string::npos);
  EXPECT_EQ(Of({{"a"}, "", "Dockerfile", "", {{"A", "1"}}}).recipe, Of({{"a"}}).recipe);
}

}  // namespace
}  // namespace crossmill::core
