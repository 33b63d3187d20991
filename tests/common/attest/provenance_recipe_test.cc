#include "common/attest/provenance_recipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/attest/strict_json.h"
#include "tests/support/status_matchers.h"

namespace crossmill::attest {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr char kCommit[] = "4b220de5058abfd01ff619c9d2ff6b09a049bea0";
const std::string kDigest(64, 'a');

Statement Make(std::string_view type, std::string_view predicate) {
  Statement statement;
  statement.predicate_type = std::string(type);
  statement.subjects.push_back({"app", std::string(64, 'b')});
  statement.predicate = *ParseStrictJson(predicate);
  return statement;
}

Statement BuildKit1(const std::string& config, const std::string& request, const std::string& metadata) {
  return Make(kProvenancePredicate,
              R"({"buildDefinition":{"buildType":)"
              R"("https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md",)"
              R"("externalParameters":{"configSource":)" +
                  config + R"(,"request":)" + request +
                  R"(},"resolvedDependencies":[)"
                  R"({"uri":"pkg:docker/python@3.11?platform=linux%2Famd64","digest":{"sha256":")" +
                  kDigest + R"("}},{"uri":"pkg:docker/localhost%3A5000/team/base@2","digest":{"sha256":")" +
                  kDigest + R"("}},{"uri":"https://example.com/file","digest":{"sha256":")" + kDigest +
                  R"("}}]},"runDetails":{"metadata":)" + metadata + "}}");
}

constexpr char kWhole[] = R"({"buildkit_completeness":{"request":true}})";

TEST(ProvenanceRecipeTest, BuildKitsGitContextWithItsArguments) {
  const auto recipe = ReadProvenanceRecipe(BuildKit1(
      R"({"uri":"https://example.com/app.git#refs/tags/v1","digest":{"sha1":")" + std::string(kCommit) +
          R"("},"path":"docker/Dockerfile"})",
      R"({"frontend":"dockerfile.v0","args":{"build-arg:VERSION":"3","build-arg:SOURCE_DATE_EPOCH":"17",)"
      R"("build-arg:BUILDKIT_MULTI_PLATFORM":"1","label:a":"b","target":"run","cmdline":"docker/dockerfile:1"},)"
      R"("secrets":[{"id":"key"},{"id":"perhaps","optional":true},{"id":"GIT_AUTH_TOKEN","optional":true}],)"
      R"("ssh":[{"id":"default"}]})",
      kWhole));
  ASSERT_OK(recipe);
  EXPECT_EQ(recipe->source, "https://example.com/app.git#refs/tags/v1");
  EXPECT_EQ(recipe->commit, kCommit);
  EXPECT_EQ(recipe->dockerfile, "docker/Dockerfile");
  EXPECT_EQ(recipe->target, "run");
  EXPECT_THAT(recipe->arguments, ElementsAre(Pair("VERSION", "3")));
  EXPECT_THAT(recipe->labels, ElementsAre(Pair("a", "b")));
  EXPECT_EQ(recipe->source_date_epoch, 17);
  EXPECT_THAT(recipe->bases,
              ElementsAre(RecordedBase{"python:3.11", "sha256:" + kDigest, "linux/amd64"},
                          RecordedBase{"localhost:5000/team/base:2", "sha256:" + kDigest, ""}));
  EXPECT_THAT(recipe->secrets, ElementsAre("key"));
  EXPECT_THAT(recipe->optional_secrets, ElementsAre("perhaps"));
  EXPECT_THAT(recipe->agents, ElementsAre("default"));
  EXPECT_THAT(recipe->gaps, IsEmpty());
}

TEST(ProvenanceRecipeTest, WhatIsLeftOutIsAGap) {
  const auto least = ReadProvenanceRecipe(BuildKit1(R"({"uri":"https://example.com/app.git"})",
                                                    R"({"frontend":"dockerfile.v0","args":{}})", R"({})"));
  ASSERT_OK(least);
  EXPECT_THAT(least->gaps, UnorderedElementsAre(HasSubstr("names no commit"), HasSubstr("mode=min")));
  const auto options = ReadProvenanceRecipe(BuildKit1(
      R"({"uri":"https://example.com/app.git","digest":{"sha1":")" + std::string(kCommit) + R"("}})",
      R"({"frontend":"dockerfile.v0","args":{"context:base":"docker-image://alpine","context:own":"input:own","context:other":"oci-layout://../secret","add-hosts":"a=1"}})",
      kWhole));
  ASSERT_OK(options);
  EXPECT_THAT(options->named_images, ElementsAre(Pair("base", "alpine")));
  EXPECT_THAT(options->gaps, UnorderedElementsAre(HasSubstr("'own' was input:own"), HasSubstr("oci-layout"),
                                                  HasSubstr("add-hosts=a=1")));
}

// Nobody but the client saw what was in the folder, and it may have had changes of its own.
TEST(ProvenanceRecipeTest, AFolderOfWhichTheClientNamedTheCommitHasAGap) {
  const auto said = [](const std::string& revision) {
    return ReadProvenanceRecipe(
        BuildKit1("{}", R"({"frontend":"dockerfile.v0","locals":[{"name":"context"}]})",
                  R"({"buildkit_completeness":{"request":true},"buildkit_metadata":{"vcs":)"
                  R"({"source":"https://example.com/app.git","revision":")" +
                      revision + R"(","localdir:context":"sub"}}})"));
  };
  const auto clean = said(kCommit);
  ASSERT_OK(clean);
  EXPECT_EQ(clean->source, "https://example.com/app.git#:sub");
  EXPECT_EQ(clean->commit, kCommit);
  EXPECT_THAT(clean->gaps, ElementsAre(HasSubstr("only what the builder's client said")));
  EXPECT_THAT(said(std::string(kCommit) + "-dirty")->gaps, ElementsAre(HasSubstr("in no commit")));
  const auto nobody = said("");
  EXPECT_EQ(nobody->source, "");
  EXPECT_THAT(nobody->gaps, ElementsAre(HasSubstr("nobody said")));
}

TEST(ProvenanceRecipeTest, TheOlderPredicateOfBuildKit) {
  const auto recipe = ReadProvenanceRecipe(Make(
      kProvenance02Predicate,
      R"({"buildType":"https://mobyproject.org/buildkit@v1","materials":[)"
      R"({"uri":"pkg:docker/alpine@sha256:)" +
          kDigest + R"(?platform=linux%2Farm64","digest":{"sha256":")" + kDigest +
          R"("}}],"invocation":{"configSource":{"uri":"https://example.com/app.git#main","digest":{"sha1":")" +
          std::string(kCommit) +
          R"("},"entryPoint":"Dockerfile"},"parameters":{"frontend":"dockerfile.v0","args":{"build-arg:A":""}}},)"
          R"("metadata":{"completeness":{"parameters":true}}})"));
  ASSERT_OK(recipe);
  EXPECT_EQ(recipe->commit, kCommit);
  EXPECT_THAT(recipe->arguments, ElementsAre(Pair("A", "")));
  EXPECT_THAT(recipe->bases,
              ElementsAre(RecordedBase{"alpine@sha256:" + kDigest, "sha256:" + kDigest, "linux/arm64"}));
  EXPECT_THAT(recipe->gaps, IsEmpty());
}

// A name that somebody else chose must not become another flag, nor another address.
TEST(ProvenanceRecipeTest, NamesThatAreNoneAreGaps) {
  for (const char* args : {R"({"context:lib=ssh://git@inner/secret.git#main:":"docker-image://alpine"})",
                           R"({"context:lib":"https://inner.example/secret.git"})",
                           R"({"context:x=oci-layout:///home/v/l\u0000":"docker-image://a"})",
                           R"({"context:lib":"docker-image://a b"})", R"({"build-arg:A=B":"1"})",
                           R"({"build-arg:BUILDKIT_CONTEXT_KEEP_GIT_DIR":"1"})", R"({"hostname":"h"})"}) {
    const auto recipe = ReadProvenanceRecipe(BuildKit1(
        R"({"uri":"https://example.com/app.git","digest":{"sha1":")" + std::string(kCommit) + R"("}})",
        R"({"frontend":"dockerfile.v0","args":)" + std::string(args) + "}", kWhole));
    ASSERT_OK(recipe);
    EXPECT_THAT(recipe->named_images, IsEmpty()) << args;
    EXPECT_THAT(recipe->arguments, IsEmpty()) << args;
    EXPECT_EQ(recipe->gaps.size(), 1u) << args;
  }
  const auto other = ReadProvenanceRecipe(BuildKit1(
      R"({"uri":"https://example.com/app.git","digest":{"sha1":")" + std::string(kCommit) + R"("}})",
      R"({"frontend":"gateway.v0","args":{"source":"example/frontend"}})", kWhole));
  EXPECT_THAT(other->gaps, ElementsAre(HasSubstr("another frontend")));
}

// What a farm tells of itself is read again to the same flags.
TEST(ProvenanceRecipeTest, AFarmsFlagsComeBack) {
  const auto recipe = ReadProvenanceRecipe(Make(
      kProvenancePredicate,
      R"({"buildDefinition":{"buildType":"urn:crossmill:build:dockerfile:v1","externalParameters":{"context":)"
      R"({"origin":"https://example.com/app.git","gitCommit":")" +
          std::string(kCommit) +
          R"("},"dockerfile":{"name":"Dockerfile","digest":{"sha256":"ab"}},"keepTimes":true,"flags":[{"name":"normalize","value":"apt"},)"
          R"({"name":"output","value":"/etc"}]}}})"));
  ASSERT_OK(recipe);
  EXPECT_EQ(recipe->dockerfile_sha256, "ab");
  EXPECT_TRUE(recipe->keeps_times);
  EXPECT_THAT(recipe->flags, ElementsAre(Pair("normalize", "apt")));
  EXPECT_THAT(recipe->gaps, ElementsAre(HasSubstr("--output")));
}

TEST(ProvenanceRecipeTest, HostileDocumentsAreReadWithoutHarm) {
  for (
      const char* predicate :
      {"{}", R"({"buildDefinition":[]})",
       R"({"buildDefinition":{"buildType":"https://github.com/moby/buildkit"}})",
       R"({"buildDefinition":{"buildType":"https://github.com/moby/buildkit","externalParameters":7,)"
       R"("resolvedDependencies":{"uri":1}}})",
       R"({"buildDefinition":{"buildType":"https://github.com/moby/buildkit","externalParameters":)"
       R"({"request":{"args":[1],"secrets":{"id":1}}},"resolvedDependencies":[1,null,{"uri":"pkg:docker/%zz@%",)"
       R"("digest":{"sha256":"short"}}]}})"}) {
    const auto recipe = ReadProvenanceRecipe(Make(kProvenancePredicate, predicate));
    EXPECT_TRUE(!recipe.ok() || !recipe->gaps.empty()) << predicate;
  }
  for (const Statement& other : {Make(kProvenancePredicate, R"({"buildDefinition":{"buildType":"x"}})"),
                                 Make(kCycloneDxPredicate, "{}")}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ReadProvenanceRecipe(other).status()));
  }
}

TEST(ProvenanceRecipeTest, LabelsNameASourceAndHaveAGap) {
  const std::string prefix = "org.opencontainers.image.";
  const auto recipe = ReadLabelRecipe({{prefix + "source", "https://example.com/team/app"},
                                       {prefix + "revision", kCommit},
                                       {prefix + "base.name", "docker.io/library/python:3.11"},
                                       {prefix + "base.digest", "sha256:" + kDigest}});
  ASSERT_OK(recipe);
  EXPECT_EQ(recipe->commit, kCommit);
  EXPECT_EQ(recipe->bases.size(), 1u);
  EXPECT_FALSE(recipe->gaps.empty());
  EXPECT_TRUE(absl::IsNotFound(ReadLabelRecipe({}).status()));
}

}  // namespace
}  // namespace crossmill::attest
