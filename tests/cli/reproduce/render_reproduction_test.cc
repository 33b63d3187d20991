#include "cli/reproduce/render_reproduction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/show/exit_codes.h"
#include "common/base/status.h"

namespace crossmill::cli {
namespace {

using ::testing::HasSubstr;

// Everything differs but what the layers make together.
PlatformImagePair Pair() {
  PlatformImagePair pair;
  pair.platform.set_os("linux");
  pair.platform.set_architecture("amd64");
  pair.in_first = pair.in_second = true;
  pair.first_manifest = "sha256:m1";
  pair.second_manifest = "sha256:m2";
  pair.first_config = "sha256:c1";
  pair.second_config = "sha256:c2";
  pair.layers = {{"sha256:d1", "sha256:d2", "sha256:b1", "sha256:b2"}};
  pair.files_compared = true;
  return pair;
}

void Differ(v1::PathDifference::Kind kind, PlatformImagePair* pair) {
  v1::PathDifference* difference = pair->files.add_differences();
  difference->set_path("etc/file");
  difference->set_kind(kind);
  pair->files.set_differences_total(static_cast<uint32_t>(pair->files.differences_size()));
}

Reproduction Of(const PlatformImagePair& pair) {
  Reproduction reproduction;
  reproduction.pair.platforms.push_back(pair);
  reproduction.recipe.told_by = "a test";
  return reproduction;
}

TEST(ReproductionTest, EveryLevelIsTheStrictestOnce) {
  PlatformImagePair pair = Pair();
  EXPECT_EQ(StrictestEqual(pair), ImageLevel::kFiles);
  pair.layers[0].second_diff_id = "sha256:d1";
  EXPECT_EQ(StrictestEqual(pair), ImageLevel::kLayers);
  pair.layers[0].second_blob = "sha256:b1";
  EXPECT_EQ(StrictestEqual(pair), ImageLevel::kBlobs);
  pair.second_config = "sha256:c1";
  EXPECT_EQ(StrictestEqual(pair), ImageLevel::kConfig);
  pair.second_manifest = "sha256:m1";
  EXPECT_EQ(StrictestEqual(pair), ImageLevel::kManifest);
}

TEST(ReproductionTest, EqualConfigsDoNotMakeEqualBlobs) {
  PlatformImagePair pair = Pair();
  pair.layers[0].second_diff_id = "sha256:d1";
  pair.second_config = "sha256:c1";
  EXPECT_FALSE(IsEqualAt(pair, ImageLevel::kBlobs));
  Reproduction reproduction = Of(pair);
  reproduction.required = ImageLevel::kBlobs;
  EXPECT_EQ(ReproductionExitCode(reproduction), kExitNotReproducible);
}

TEST(ReproductionTest, TimesOfFilesAreLeftOutAndNothingElse) {
  PlatformImagePair pair = Pair();
  Differ(v1::PathDifference::KIND_TIME, &pair);
  EXPECT_EQ(StrictestEqual(pair), ImageLevel::kFiles);
  EXPECT_EQ(ReproductionExitCode(Of(pair)), kExitOk);
  Differ(v1::PathDifference::KIND_METADATA, &pair);
  EXPECT_EQ(StrictestEqual(pair), ImageLevel::kNone);
  EXPECT_EQ(ReproductionExitCode(Of(pair)), kExitNotReproducible);
  // A list that was cut short may hide contents.
  PlatformImagePair cut = Pair();
  Differ(v1::PathDifference::KIND_TIME, &cut);
  cut.files.set_differences_total(2);
  EXPECT_EQ(StrictestEqual(cut), ImageLevel::kNone);
}

TEST(ReproductionTest, AMountPointOfTheRuntimeIsLeftOutAndNotWhatIsInIt) {
  PlatformImagePair pair = Pair();
  Differ(v1::PathDifference::KIND_ONLY_FIRST, &pair);
  v1::PathDifference& difference = *pair.files.mutable_differences(0);
  difference.set_path("dev");
  difference.set_detail("directory");
  EXPECT_EQ(StrictestEqual(pair), ImageLevel::kFiles);
  difference.set_detail("file");
  EXPECT_EQ(StrictestEqual(pair), ImageLevel::kNone);
  difference.set_path("dev/null");
  EXPECT_EQ(StrictestEqual(pair), ImageLevel::kNone);
}

// The same files behind another entry point are another image.
TEST(ReproductionTest, HowAContainerIsStartedIsOfTheFilesLevel) {
  PlatformImagePair pair = Pair();
  pair.fields = {{"created", "a", "b"}, {"history[0].created", "a", "b"}, {"config.Labels.x", "a", "b"}};
  EXPECT_EQ(StrictestEqual(pair), ImageLevel::kFiles);
  pair.fields.push_back({"config.Entrypoint", "a", "b"});
  EXPECT_EQ(StrictestEqual(pair), ImageLevel::kNone);
  EXPECT_EQ(ReproductionExitCode(Of(pair)), kExitNotReproducible);
}

// A config may name diffIDs that its blobs do not have.
TEST(ReproductionTest, AConfigWhoseLayersCouldNotBeReadSaysNothing) {
  PlatformImagePair pair = Pair();
  pair.layers[0].second_diff_id = "sha256:d1";
  pair.second_config = "sha256:c1";
  pair.files_compared = false;
  pair.files_problem = "layer sha256:b1: its content has another diffID";
  EXPECT_EQ(StrictestEqual(pair), ImageLevel::kNone);
  EXPECT_EQ(ReproductionExitCode(Of(pair)), kExitInconclusive);
}

TEST(ReproductionTest, HostsThatWereAskedForHaveToAgree) {
  Reproduction reproduction = Of(Pair());
  reproduction.hosts = 3;
  reproduction.build.set_status(v1::BUILD_STATUS_SUCCEEDED);
  v1::CellView* cell = reproduction.build.add_cells();
  cell->mutable_comparison()->set_verdict(v1::VERDICT_UNREPRODUCIBLE);
  EXPECT_EQ(ReproductionExitCode(reproduction), kExitNotReproducible);
  cell->mutable_comparison()->set_verdict(v1::VERDICT_UNVERIFIED);
  EXPECT_EQ(ReproductionExitCode(reproduction), kExitInconclusive);
  cell->mutable_comparison()->set_verdict(v1::VERDICT_REPRODUCIBLE);
  EXPECT_EQ(ReproductionExitCode(reproduction), kExitOk);
}

TEST(ReproductionTest, AnotherImageOfARecipeWithGapsProvesNothing) {
  PlatformImagePair pair = Pair();
  Differ(v1::PathDifference::KIND_CONTENT, &pair);
  Reproduction reproduction = Of(pair);
  reproduction.recipe.gaps = {"arguments are left out"};
  EXPECT_EQ(ReproductionExitCode(reproduction), kExitInconclusive);
  const std::string text = RenderReproduction(reproduction, {}, 5);
  EXPECT_THAT(text, HasSubstr("proves nothing against the image"));
  EXPECT_THAT(text, HasSubstr("arguments are left out"));
  // An equal one proves itself, whoever told the recipe.
  Reproduction equal = Of(Pair());
  equal.recipe.gaps = {"arguments are left out"};
  EXPECT_EQ(ReproductionExitCode(equal), kExitOk);
}

TEST(ReproductionTest, WhatWasNotComparedIsNotEqual) {
  PlatformImagePair pair = Pair();
  pair.files_compared = false;
  pair.files_problem = "a blob is gone";
  EXPECT_EQ(ReproductionExitCode(Of(pair)), kExitInconclusive);
  PlatformImagePair alone = Pair();
  alone.in_second = false;
  EXPECT_EQ(ReproductionExitCode(Of(alone)), kExitInconclusive);
  EXPECT_EQ(ReproductionExitCode(Reproduction()), kExitInconclusive);
}

TEST(ReproductionTest, OfABuildThatFailedNothingIsSaidOfTheImage) {
  Reproduction reproduction;
  reproduction.build.set_id(7);
  reproduction.build.set_status(v1::BUILD_STATUS_FAILED);
  reproduction.build.set_message("Dockerfile:2: exit code 1");
  EXPECT_EQ(ReproductionExitCode(reproduction), kExitBuildFailed);
  EXPECT_THAT(RenderReproduction(reproduction, {}, 5),
              HasSubstr("nothing can be said of it: build 7: Dockerfile:2"));
  const Json json = ReproductionJson(reproduction);
  EXPECT_EQ(json.at("result"), "unknown");
  EXPECT_EQ(json.at("message"), "Dockerfile:2: exit code 1");
  EXPECT_TRUE(json.at("comparison").is_null());
  EXPECT_TRUE(json.at("rebuilt").is_null());
}

TEST(ReproductionTest, TheJsonNamesResultLevelsAndRecipe) {
  const Json json = ReproductionJson(Of(Pair()));
  EXPECT_EQ(json.at("result"), "equal");
  EXPECT_EQ(json.at("platforms").at(0).at("strictest_equal"), "files");
  EXPECT_EQ(json.at("platforms").at(0).at("levels").size(), 5u);
  EXPECT_EQ(json.at("recipe").at("told_by"), "a test");
}

}  // namespace
}  // namespace crossmill::cli
