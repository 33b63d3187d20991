#include "cli/reproduce/published_recipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/status.h"
#include "common/oci/image.h"
#include "tests/support/status_matchers.h"

namespace crossmill::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kCommit[] = "4b220de5058abfd01ff619c9d2ff6b09a049bea0";

std::string Hex(char digit) { return std::string(64, digit); }

InspectedPlatform Platform(const std::string& architecture, char digest) {
  InspectedPlatform platform;
  platform.platform.set_os("linux");
  platform.platform.set_architecture(architecture);
  platform.manifest_digest.hash = Hex(digest);
  return platform;
}

// BuildKit's, in short.
std::string Provenance(char subject, const std::string& target, char base,
                       const std::string& type = "https://in-toto.io/Statement/v0.1") {
  return R"({"_type":")" + type +
         R"(","predicateType":"https://slsa.dev/provenance/v0.2",)"
         R"("subject":[{"name":"app","digest":{"sha256":")" +
         Hex(subject) +
         R"("}}],"predicate":{"buildType":"https://mobyproject.org/buildkit@v1","materials":[)"
         R"({"uri":"pkg:docker/python@3.11","digest":{"sha256":")" +
         Hex(base) +
         R"("}}],"invocation":{"configSource":{"uri":"https://example.com/app.git#refs/tags/v1","digest":{"sha1":")" +
         std::string(kCommit) +
         R"("},"entryPoint":"Dockerfile"},"parameters":{"frontend":"dockerfile.v0","args":{"target":")" +
         target + R"("}}},"metadata":{"completeness":{"parameters":true}}}})";
}

void Add(char subject, std::string document, v1::ReadStatementsResponse* statements, bool in_index = true) {
  v1::AttachedStatement* attached = statements->add_statements();
  attached->set_subject("sha256:" + Hex(subject));
  attached->set_media_type("application/vnd.in-toto+json");
  attached->set_document(std::move(document));
  attached->set_in_index(in_index);
}

TEST(PublishedRecipeTest, OneRecipeOfTwoPlatformsPinsTheirBases) {
  const std::vector<InspectedPlatform> platforms = {Platform("amd64", '1'), Platform("arm64", '2')};
  v1::ReadStatementsResponse statements;
  Add('1', Provenance('1', "run", 'a'), &statements);
  Add('2', Provenance('2', "run", 'a'), &statements);
  auto published = FindPublishedRecipe(platforms, statements);
  ASSERT_OK(published);
  EXPECT_THAT(published->pins, ElementsAre("python:3.11=docker-image://python:3.11@sha256:" + Hex('a')));
  const auto flags = FlagsOf(*published, {}, platforms);
  ASSERT_OK(flags);
  EXPECT_EQ(flags->context, "https://example.com/app.git#" + std::string(kCommit));
  EXPECT_EQ(flags->file, "Dockerfile");
  EXPECT_EQ(flags->target, "run");
  EXPECT_THAT(flags->platforms, ElementsAre("linux/amd64", "linux/arm64"));
}

TEST(PublishedRecipeTest, ABaseWithADigestOfItsOwnOnEachPlatformIsPinnedForEach) {
  v1::ReadStatementsResponse statements;
  Add('1', Provenance('1', "", 'a'), &statements);
  Add('2', Provenance('2', "", 'b'), &statements);
  auto published = FindPublishedRecipe({Platform("amd64", '1'), Platform("arm64", '2')}, statements);
  ASSERT_OK(published);
  EXPECT_THAT(published->pins,
              ElementsAre("python:3.11::linux/amd64=docker-image://python:3.11@sha256:" + Hex('a'),
                          "python:3.11::linux/arm64=docker-image://python:3.11@sha256:" + Hex('b')));
}

TEST(PublishedRecipeTest, PlatformsOfSeveralRecipesAreRefused) {
  v1::ReadStatementsResponse statements;
  Add('1', Provenance('1', "run", 'a'), &statements);
  Add('2', Provenance('2', "test", 'a'), &statements);
  auto published = FindPublishedRecipe({Platform("amd64", '1'), Platform("arm64", '2')}, statements);
  EXPECT_TRUE(absl::IsFailedPrecondition(published.status()));
  EXPECT_THAT(std::string(Sv(published.status().message())), HasSubstr("--platform"));
}

// What lies beside an image can be put there by anybody who may push, and may be about another one.
TEST(PublishedRecipeTest, AStatementAboutSomethingElseIsNoRecipe) {
  v1::ReadStatementsResponse statements;
  Add('1', Provenance('9', "run", 'a'), &statements);
  Add('1', "no JSON", &statements);
  Add('8', Provenance('1', "run", 'a'), &statements);
  auto published = FindPublishedRecipe({Platform("amd64", '1')}, statements);
  EXPECT_TRUE(absl::IsNotFound(published.status()));
}

TEST(PublishedRecipeTest, TheIndexesOwnStatementComesBeforeOneThatLiesBeside) {
  v1::ReadStatementsResponse statements;
  Add('1', Provenance('1', "other", 'a'), &statements, false);
  Add('1', Provenance('1', "run", 'a', "https://in-toto.io/Statement/v1"), &statements, true);
  auto published = FindPublishedRecipe({Platform("amd64", '1')}, statements);
  ASSERT_OK(published);
  EXPECT_EQ(published->recipe.target, "run");
  EXPECT_THAT(published->recipe.gaps, ElementsAre(HasSubstr("another recipe")));
}

TEST(PublishedRecipeTest, LabelsOfARepositorysPageBecomeAGitUrl) {
  InspectedPlatform platform = Platform("amd64", '1');
  platform.config = {{"config",
                      {{"Labels",
                        {{"org.opencontainers.image.source", "https://example.com/team/app/"},
                         {"org.opencontainers.image.revision", kCommit}}}}}};
  auto published = FindPublishedRecipe({platform}, {});
  ASSERT_OK(published);
  const auto flags = FlagsOf(*published, {}, {platform});
  ASSERT_OK(flags);
  EXPECT_EQ(flags->context, "https://example.com/team/app.git#" + std::string(kCommit));
  EXPECT_FALSE(published->recipe.gaps.empty());
}

TEST(PublishedRecipeTest, AFolderOfAnotherMachineHasToBeGiven) {
  PublishedRecipe published;
  published.recipe.told_by = "a farm";
  published.recipe.source = "host:/home/me/app";
  published.recipe.dockerfile = "docker/Dockerfile";
  EXPECT_TRUE(absl::IsFailedPrecondition(FlagsOf(published, {}, {}).status()));
  const auto flags = FlagsOf(published, {.context = "here", .file = "", .build_args = {"A=1"}}, {});
  ASSERT_OK(flags);
  EXPECT_EQ(flags->context, "here");
  EXPECT_EQ(flags->file, "here/docker/Dockerfile");
  EXPECT_THAT(flags->build_args, ElementsAre("A=1"));
}

TEST(PublishedRecipeTest, WhatIsSaidInPlaceOfWhatIsToldIsAGap) {
  v1::ReadStatementsResponse statements;
  Add('1', Provenance('1', "run", 'a'), &statements);
  auto published = FindPublishedRecipe({Platform("amd64", '1')}, statements);
  ASSERT_OK(published);
  published->recipe.arguments["A"] = "1";
  const RecipeOverrides overrides = {.context = ".", .file = "D", .build_args = {"A=2", "B=3"}};
  TakeOverrides(overrides, &published->recipe);
  const auto flags = FlagsOf(*published, overrides, {});
  ASSERT_OK(flags);
  EXPECT_THAT(published->recipe.gaps, ElementsAre(HasSubstr("--context in place"),
                                                  HasSubstr("--file in place"), HasSubstr("--build-arg A")));
  EXPECT_THAT(flags->build_args, ElementsAre("A=2", "B=3"));
  EXPECT_TRUE(flags->no_cache);
}

TEST(PublishedRecipeTest, ANamedImageIsTakenAtItsDigestOfThen) {
  PublishedRecipe published;
  v1::ReadStatementsResponse statements;
  std::string provenance = Provenance('1', "run", 'a');
  provenance.replace(provenance.find("\"target\":"), 9,
                     "\"context:debian:12\":\"docker-image://python:3.11\",\"target\":");
  Add('1', provenance, &statements);
  auto found = FindPublishedRecipe({Platform("amd64", '1')}, statements);
  ASSERT_OK(found);
  EXPECT_THAT(found->named, ElementsAre("debian:12=docker-image://python:3.11@sha256:" + Hex('a')));
  EXPECT_THAT(found->recipe.gaps, IsEmpty());
}

TEST(PublishedRecipeTest, ACommitInShortIsNotTheHeadThatWouldBeFetched) {
  InspectedPlatform platform = Platform("amd64", '1');
  platform.config = {{"config",
                      {{"Labels",
                        {{"org.opencontainers.image.source", "https://example.com/team/app.git"},
                         {"org.opencontainers.image.revision", "1a2b3c4"}}}}}};
  const auto published = FindPublishedRecipe({platform}, {});
  ASSERT_OK(published);
  EXPECT_EQ(published->recipe.commit, "");
  EXPECT_THAT(published->recipe.gaps, ::testing::Contains(HasSubstr("1a2b3c4")));
}

TEST(PublishedRecipeTest, WhatShapesAGitContextStays) {
  PublishedRecipe published;
  published.recipe.source = "https://example.com/app.git?ref=main&subdir=a/b&keep-git-dir=true";
  published.recipe.commit = kCommit;
  const auto flags = FlagsOf(published, {}, {});
  ASSERT_OK(flags);
  EXPECT_EQ(flags->context,
            "https://example.com/app.git?ref=" + std::string(kCommit) + "&keep-git-dir=true&subdir=a/b");
}

// Whoever may put a statement beside an image writes the recipe.
TEST(PublishedRecipeTest, ARecipeLeadsToNothingOfTheReadersOwn) {
  PublishedRecipe published;
  for (const char* source : {"/etc", "file:///etc", "ssh://git@inner.example/app.git",
                             "git@inner.example:app.git", "oci-layout:///root", "-", "ext::sh -c id"}) {
    published.recipe.source = source;
    EXPECT_TRUE(absl::IsFailedPrecondition(FlagsOf(published, {}, {}).status())) << source;
  }
  published.recipe.source = "https://example.com/app.git";
  for (const char* file :
       {"../../.ssh/id_ed25519", "/etc/shadow", "a/../../b", "https://example.com/D", "-"}) {
    published.recipe.dockerfile = file;
    EXPECT_TRUE(absl::IsFailedPrecondition(FlagsOf(published, {}, {}).status())) << file;
    EXPECT_OK(FlagsOf(published, {.context = "", .file = "Dockerfile", .build_args = {}}, {}));
  }
}

}  // namespace
}  // namespace crossmill::cli
