#include "coordinator/buildkit/solve/recipe_preview.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/words/platform.h"
#include "coordinator/buildkit/solve/recipe_reader.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator::buildkit {
namespace {

absl::StatusOr<RecipePreview> Preview(const std::string& dockerfile, const std::string& target = "",
                                      std::vector<std::string> triggers = {}) {
  v1::Recipe recipe;
  recipe.set_dockerfile(dockerfile);
  recipe.set_dockerfile_name("Dockerfile");
  recipe.set_target(target);
  v1::NamedContext& context = *recipe.add_contexts();
  context.set_name("extra");
  context.mutable_tree();
  v1::BuildOptions options;
  *options.add_platforms() = *ParsePlatform("linux/amd64");
  const PinNeeded pin = [&](const plan::BaseNeed& need) -> absl::StatusOr<v1::PinnedImage> {
    if (need.reference == "missing") return absl::NotFoundError("Dockerfile:1:6: no such image");
    v1::PinnedImage image;
    image.set_reference(need.reference);
    *image.mutable_platform() = need.platform;
    std::string list;
    for (const std::string& trigger : triggers) list += (list.empty() ? "\"" : ",\"") + trigger + "\"";
    image.set_config(R"({"architecture":"amd64","os":"linux","config":{"OnBuild":[)" + list +
                     R"(]},"rootfs":{"type":"layers","diff_ids":[]}})");
    return image;
  };
  return PreviewRecipe(recipe, options, *ParsePlatform("linux/amd64"), {}, pin, {});
}

using testing::ElementsAre;

TEST(RecipePreviewTest, SourcesOfReachedStagesAreNeeded) {
  const auto preview = Preview(
      "FROM tiny AS unused\nCOPY large /\nFROM tiny AS a\nCOPY ./src/*.c /src/\nFROM tiny\nARG D=docs\n"
      "COPY --from=a /src /src\nCOPY /$D/x/../y /\nRUN --mount=type=bind,source=tools,target=/t true\n");
  ASSERT_OK(preview);
  const NeededPaths& needed = preview->contexts.at("");
  EXPECT_FALSE(needed.all);
  EXPECT_THAT(needed.paths, ElementsAre("docs/y", "src/*.c", "tools"));
}

TEST(RecipePreviewTest, AllOfTheContext) {
  for (const char* source : {".", "/", "./", "a/.."}) {
    const auto preview = Preview(std::string("FROM tiny\nCOPY ") + source + " /\n");
    ASSERT_OK(preview);
    EXPECT_TRUE(preview->contexts.at("").all) << source;
  }
}

TEST(RecipePreviewTest, NothingOfIt) {
  const auto preview = Preview("FROM tiny\nRUN true\n");
  ASSERT_OK(preview);
  EXPECT_TRUE(preview->contexts.empty());
}

TEST(RecipePreviewTest, TriggersOfTheBaseCopy) {
  const auto preview = Preview("FROM tiny\n", "", {"COPY app /app"});
  ASSERT_OK(preview);
  EXPECT_THAT(preview->contexts.at("").paths, ElementsAre("app"));
}

TEST(RecipePreviewTest, NamedContextsAreApart) {
  const auto preview = Preview("FROM tiny\nCOPY --from=extra f /\nCOPY g /\n");
  ASSERT_OK(preview);
  EXPECT_THAT(preview->contexts.at("extra").paths, ElementsAre("f"));
  EXPECT_THAT(preview->contexts.at("").paths, ElementsAre("g"));
}

TEST(RecipePreviewTest, SecretsAndAgents) {
  const auto preview = Preview(
      "FROM tiny\nRUN --mount=type=secret,id=key --mount=type=ssh true\nRUN --mount=type=ssh,id=deploy "
      "true\n");
  ASSERT_OK(preview);
  EXPECT_THAT(preview->secret_ids, ElementsAre("key"));
  EXPECT_THAT(preview->ssh_ids, ElementsAre("default", "deploy"));
}

TEST(RecipePreviewTest, ErrorsAreThoseOfPlanning) {
  EXPECT_THAT(std::string(Preview("FROM tiny\nRUNN\n").status().message()),
              testing::StartsWith("Dockerfile:2:"));
  EXPECT_TRUE(absl::IsNotFound(Preview("FROM missing\n").status()));
}

TEST(ExcludePatternsTest, AreThoseOfTheIgnoreFile) {
  EXPECT_THAT(ExcludePatterns("# comment\n\n /a/b/ \n!./c\n*.log\n**/x\n ! d\n"),
              ElementsAre("a/b", "!c", "*.log", "**/x", "!d"));
  EXPECT_TRUE(ExcludePatterns("").empty());
  EXPECT_THAT(ExcludePatterns("\xEF\xBB\xBF"
                              "a\r\n"),
              ElementsAre("a"));
}

}  // namespace
}  // namespace crossmill::coordinator::buildkit
