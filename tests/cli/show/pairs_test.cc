// What is told of a build that was built again, of two builds, and of two images.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/history/render_build_pair.h"
#include "cli/history/render_rebuild.h"
#include "cli/images/image_pair.h"
#include "cli/show/exit_codes.h"
#include "tests/cli/sample_build.h"
#include "tests/support/golden.h"

namespace crossmill::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

v1::StepPlace Place(uint32_t number, uint32_t line, const std::string& text) {
  v1::StepPlace place;
  place.set_stage_name("stage-0");
  place.set_step_number(number);
  place.mutable_range()->set_file("Dockerfile");
  place.mutable_range()->set_first_line(line);
  place.set_text(text);
  return place;
}

v1::StepPair* AddStep(v1::StepPair::State state, uint32_t number, const std::string& text,
                      v1::PlatformPair* pair) {
  v1::StepPair* step = pair->add_steps();
  step->set_state(state);
  if (state != v1::StepPair::STATE_ONLY_SECOND) *step->mutable_first() = Place(number, number, text);
  if (state != v1::StepPair::STATE_ONLY_FIRST) *step->mutable_second() = Place(number, number + 1, text);
  return step;
}

v1::StepComparison Compared(uint32_t number, const std::string& text, const std::string& path) {
  v1::StepComparison step;
  step.set_stage_name("stage-0");
  step.set_step_number(number);
  step.mutable_range()->set_file("Dockerfile");
  step.mutable_range()->set_first_line(number);
  step.set_text(text);
  step.set_agrees(path.empty());
  for (const char digit : {'1', path.empty() ? '1' : '2'}) {
    v1::Witness* witness = step.add_witnesses();
    witness->set_worker("w1");
    witness->mutable_layer()->mutable_tar()->set_hash(Hash(digit));
  }
  if (path.empty()) return step;
  step.set_reaches_image(true);
  step.set_differences_total(1);
  v1::PathDifference* difference = step.add_differences();
  difference->set_path(path);
  difference->set_kind(v1::PathDifference::KIND_CONTENT);
  v1::CauseGroup* group = step.add_causes();
  group->mutable_cause()->set_class_("embedded-time");
  group->mutable_cause()->set_confidence(v1::Cause::CONFIDENCE_CERTAIN);
  group->mutable_cause()->set_evidence("line 1 is the time of the clock");
  group->add_paths(path);
  group->set_paths_total(1);
  group->set_witness(1);
  return step;
}

void AddLevel(const std::string& name, bool equal, v1::RebuildComparison* comparison) {
  v1::LevelComparison* level = comparison->add_levels();
  level->set_level(name);
  level->set_equal(equal);
  if (name == "layers") {
    level->set_layers(3);
    level->set_equal_layers(equal ? 3 : 1);
  } else {
    level->set_then("sha256:" + Hash('a'));
    level->set_now("sha256:" + Hash(equal ? 'a' : 'b'));
  }
}

BuildPair SamplePair() {
  BuildPair pair;
  pair.first = 3;
  pair.second = 5;
  v1::PlatformPair& amd64 = pair.platforms.emplace_back();
  *amd64.mutable_platform() = SamplePlatform("amd64");
  amd64.set_in_first(true);
  amd64.set_in_second(true);
  v1::RebuildComparison& comparison = *amd64.mutable_comparison();
  comparison.set_build(3);
  comparison.set_result(v1::RebuildComparison::RESULT_DIFFERENT);
  comparison.set_reason("not the image of build 3: 1 of 3 layers are equal");
  AddLevel("image", false, &comparison);
  AddLevel("layers", false, &comparison);
  AddStep(v1::StepPair::STATE_EQUAL, 1, "FROM debian", &amd64);
  AddStep(v1::StepPair::STATE_EQUAL, 2, "RUN one", &amd64)->set_compared(0);
  v1::StepPair* stamp = AddStep(v1::StepPair::STATE_DIFFERENT, 3, "RUN date >/stamp", &amd64);
  stamp->set_compared(1);
  stamp->set_same_key(true);
  AddStep(v1::StepPair::STATE_DIFFERENT, 4, "RUN cp /stamp /copy", &amd64)->set_compared(2);
  AddStep(v1::StepPair::STATE_ONLY_SECOND, 5, "LABEL a=b", &amd64);
  *comparison.mutable_comparison()->add_steps() = Compared(2, "RUN one", "");
  *comparison.mutable_comparison()->add_steps() = Compared(3, "RUN date >/stamp", "stamp");
  *comparison.mutable_comparison()->add_steps() = Compared(4, "RUN cp /stamp /copy", "copy");
  comparison.add_after_difference(2);
  amd64.set_divergence(2);
  amd64.set_divergence_reason("Dockerfile:3 was given the same and made something else: RUN date >/stamp");
  v1::DockerfileLine* line = amd64.mutable_changes()->add_lines();
  line->set_now(6);
  line->set_text("LABEL a=b");
  amd64.mutable_changes()->set_lines_total(1);
  v1::PlatformPair& arm64 = pair.platforms.emplace_back();
  *arm64.mutable_platform() = SamplePlatform("arm64");
  arm64.set_in_second(true);
  return pair;
}

TEST(BuildPairTest, LevelsStepsAndWhatWasGivenAreTold) {
  ExpectGolden(kCliGoldens, "build-pair.txt", RenderBuildPair(SamplePair(), {120, false}, 1000));
  ExpectGolden(kCliGoldens, "build-pair.json", WriteJsonPretty(BuildPairJson(SamplePair())));
}

TEST(BuildPairTest, MorePathsAreAskedForWithBothBuilds) {
  BuildPair pair = SamplePair();
  v1::StepComparison& step = *pair.platforms[0].mutable_comparison()->mutable_comparison()->mutable_steps(1);
  step.set_differences_total(30);
  EXPECT_THAT(RenderBuildPair(pair, {120, false}, 1000), HasSubstr("29 more: crossmill diff 3 5 --paths N"));
}

TEST(BuildPairTest, WhereNothingDiffersNoStepsAreListed) {
  BuildPair pair = SamplePair();
  pair.platforms.pop_back();
  v1::PlatformPair& amd64 = pair.platforms[0];
  amd64.clear_divergence();
  amd64.clear_changes();
  amd64.mutable_comparison()->set_result(v1::RebuildComparison::RESULT_EQUAL);
  amd64.mutable_comparison()->mutable_comparison()->clear_steps();
  const std::string text = RenderBuildPair(pair, {120, false}, 1000);
  EXPECT_THAT(text, HasSubstr("all 5 steps are equal"));
  EXPECT_THAT(text, HasSubstr("no input that is recorded differs"));
  EXPECT_THAT(text, Not(HasSubstr("RUN one")));
}

ImagePair SampleImages() {
  ImagePair pair;
  pair.first.set_name("app:1");
  pair.first.set_digest("sha256:" + Hash('1'));
  pair.first.set_build_id(3);
  pair.second.set_build_id(5);
  pair.second.set_name("app:2");
  pair.second.set_digest("sha256:" + Hash('2'));
  PlatformImagePair& amd64 = pair.platforms.emplace_back();
  amd64.platform = SamplePlatform("amd64");
  amd64.in_first = amd64.in_second = true;
  amd64.first_manifest = "sha256:" + Hash('3');
  amd64.second_manifest = "sha256:" + Hash('4');
  amd64.fields = {{"config.Env.A", "1", "2"}, {"config.Cmd", Json(), Json::array({"sh"})}};
  amd64.layers = {
      {"sha256:" + Hash('a'), "sha256:" + Hash('a'), "sha256:" + Hash('5'), "sha256:" + Hash('6')},
      {"sha256:" + Hash('b'), "sha256:" + Hash('c'), "sha256:" + Hash('b'), "sha256:" + Hash('c')},
      {"", "sha256:" + Hash('d'), "", "sha256:" + Hash('d')}};
  amd64.files_compared = true;
  amd64.files = Compared(1, "", "app/stamp");
  PlatformImagePair& arm64 = pair.platforms.emplace_back();
  arm64.platform = SamplePlatform("arm64");
  arm64.in_first = true;
  return pair;
}

TEST(ImagePairTest, ConfigLayersAndFilesAreTold) {
  ExpectGolden(kCliGoldens, "image-pair.txt", RenderImagePair(SampleImages(), {120, false}, 1000));
  ExpectGolden(kCliGoldens, "image-pair.json", WriteJsonPretty(ImagePairJson(SampleImages())));
}

TEST(ImagePairTest, WhatCouldNotBeComparedIsNotCalledEqual) {
  ImagePair pair = SampleImages();
  pair.platforms[0].files_compared = false;
  pair.platforms[0].files = {};
  pair.platforms[0].files_problem = "layer sha256:b is not in the store";
  EXPECT_THAT(RenderImagePair(pair, {120, false}, 1000),
              HasSubstr("file systems: not compared: layer sha256:b"));
  const Json json = ImagePairJson(pair);
  EXPECT_TRUE(json["platforms"][0]["files"].is_null());
  EXPECT_EQ(json["platforms"][0]["files_problem"], "layer sha256:b is not in the store");
}

v1::BuildView SampleRebuild(v1::RebuildComparison::Result result) {
  v1::BuildView view;
  view.set_id(9);
  view.set_status(v1::BUILD_STATUS_SUCCEEDED);
  view.mutable_rebuild()->set_build(3);
  view.mutable_rebuild()->set_index_digest("sha256:" + Hash('1'));
  view.set_index_digest("sha256:" + Hash('2'));
  v1::CellView& cell = *view.add_cells();
  *cell.mutable_platform() = SamplePlatform("amd64");
  cell.set_status(v1::BUILD_STATUS_SUCCEEDED);
  *cell.mutable_rebuild() = SamplePair().platforms[0].comparison();
  cell.mutable_rebuild()->set_result(result);
  return view;
}

TEST(RebuildTest, LevelsAndStepsAreToldAndMoreIsInTheirDiff) {
  const std::string text =
      RenderRebuild(SampleRebuild(v1::RebuildComparison::RESULT_DIFFERENT), {120, false}, kPathsOfReport);
  EXPECT_THAT(text, HasSubstr("✗ different: not the image of build 3"));
  EXPECT_THAT(text, HasSubstr("differs: then sha256:" + Hash('a') + ", now sha256:" + Hash('b')));
  EXPECT_THAT(text, HasSubstr("more: crossmill diff 3 9"));
  EXPECT_THAT(text, HasSubstr("executed on other layers than then"));
}

TEST(RebuildTest, ExitCodesFollowTheGravestCell) {
  using Rebuild = v1::RebuildComparison;
  EXPECT_EQ(RebuildExitCode(SampleRebuild(Rebuild::RESULT_EQUAL)), kExitOk);
  EXPECT_EQ(RebuildExitCode(SampleRebuild(Rebuild::RESULT_DIFFERENT)), kExitNotReproducible);
  EXPECT_EQ(RebuildExitCode(SampleRebuild(Rebuild::RESULT_UNKNOWN)), kExitInconclusive);
  v1::BuildView failed = SampleRebuild(Rebuild::RESULT_DIFFERENT);
  failed.set_status(v1::BUILD_STATUS_FAILED);
  EXPECT_EQ(RebuildExitCode(failed), kExitBuildFailed);
}

}  // namespace
}  // namespace crossmill::cli
