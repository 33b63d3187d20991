#include "coordinator/rebuild/rebuild_judgement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace crossmill::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

RebuildFacts EqualFacts() {
  RebuildFacts facts;
  facts.build = 12;
  facts.then = {"sha256:m", {"sha256:1", "sha256:2"}, "", {}};
  facts.now = facts.then;
  return facts;
}

RebuildFacts OtherManifest() {
  RebuildFacts facts = EqualFacts();
  facts.now.manifest = "sha256:n";
  facts.then.config = facts.now.config = "sha256:c";
  facts.then.blobs = {"sha256:z1", "sha256:z2"};
  facts.now.blobs = {"sha256:z1", "sha256:y2"};
  return facts;
}

v1::StepComparison Step(bool agrees) {
  v1::StepComparison step;
  step.set_agrees(agrees);
  step.set_reaches_image(!agrees);
  return step;
}

TEST(RebuildJudgementTest, OneManifestIsEverything) {
  const v1::RebuildComparison judged = JudgeRebuild(EqualFacts());
  EXPECT_EQ(judged.result(), v1::RebuildComparison::RESULT_EQUAL);
  for (const v1::LevelComparison& level : judged.levels()) EXPECT_TRUE(level.equal()) << level.level();
  EXPECT_THAT(judged.reason(), HasSubstr("byte for byte the image of build 12"));
}

TEST(RebuildJudgementTest, AnotherCompressionIsStillEqualAndSaysSo) {
  const v1::RebuildComparison judged = JudgeRebuild(OtherManifest());
  EXPECT_EQ(judged.result(), v1::RebuildComparison::RESULT_EQUAL);
  EXPECT_FALSE(judged.levels(0).equal());
  EXPECT_TRUE(judged.levels(1).equal());
  EXPECT_FALSE(judged.levels(2).equal());
  EXPECT_EQ(judged.levels(2).equal_layers(), 1);
  EXPECT_TRUE(judged.levels(3).equal());
  EXPECT_THAT(judged.reason(), HasSubstr("only the manifest"));
}

TEST(RebuildJudgementTest, AConfigThatCannotBeReadIsNotEqual) {
  RebuildFacts facts = OtherManifest();
  facts.then.config.clear();
  facts.then.blobs.clear();
  facts.manifest_problem = "manifest sha256:m is no longer in the farm's store";
  const v1::RebuildComparison judged = JudgeRebuild(facts);
  EXPECT_EQ(judged.result(), v1::RebuildComparison::RESULT_UNKNOWN);
  EXPECT_THAT(judged.levels(1).problem(), HasSubstr("no longer"));
  EXPECT_FALSE(judged.levels(1).equal());
  EXPECT_THAT(judged.reason(), HasSubstr("no longer in the farm's store"));
}

TEST(RebuildJudgementTest, LayersThatDifferAreDifferentWhateverElseIsKnown) {
  RebuildFacts facts = OtherManifest();
  facts.then.config.clear();
  facts.now.layers[1] = "sha256:3";
  EXPECT_EQ(JudgeRebuild(facts).result(), v1::RebuildComparison::RESULT_DIFFERENT);
}

TEST(RebuildJudgementTest, AConfigThatDiffersIsDifferent) {
  RebuildFacts facts = OtherManifest();
  facts.now.config = "sha256:d";
  const v1::RebuildComparison judged = JudgeRebuild(facts);
  EXPECT_EQ(judged.result(), v1::RebuildComparison::RESULT_DIFFERENT);
  EXPECT_THAT(judged.reason(), HasSubstr("config differs"));
}

TEST(RebuildJudgementTest, NoManifestOnRecordIsNeverEqual) {
  RebuildFacts facts = EqualFacts();
  facts.then.manifest.clear();
  facts.now.manifest.clear();
  EXPECT_EQ(JudgeRebuild(facts).result(), v1::RebuildComparison::RESULT_UNKNOWN);
  EXPECT_FALSE(JudgeRebuild(facts).levels(0).equal());
}

TEST(RebuildJudgementTest, TwoExecutionsMakeNoTick) {
  RebuildFacts facts = EqualFacts();
  facts.comparison.set_verdict(v1::VERDICT_REPRODUCIBLE);
  EXPECT_EQ(JudgeRebuild(facts).comparison().verdict(), v1::VERDICT_UNSPECIFIED);
}

TEST(RebuildJudgementTest, InEqualImagesNoStepReachesTheImage) {
  RebuildFacts facts = EqualFacts();
  *facts.comparison.add_steps() = Step(false);
  facts.comparison.set_verdict(v1::VERDICT_UNREPRODUCIBLE);
  const v1::RebuildComparison judged = JudgeRebuild(facts);
  EXPECT_EQ(judged.result(), v1::RebuildComparison::RESULT_EQUAL);
  EXPECT_EQ(judged.comparison().verdict(), v1::VERDICT_UNSPECIFIED);
  EXPECT_FALSE(judged.comparison().steps(0).reaches_image());
}

TEST(RebuildJudgementTest, OnlyWhatWasExecutedOnOtherLayersIsExcused) {
  RebuildFacts facts = OtherManifest();
  facts.now.layers[0] = "sha256:9";
  *facts.comparison.add_steps() = Step(true);
  *facts.comparison.add_steps() = Step(false);
  *facts.comparison.add_steps() = Step(false);
  *facts.comparison.add_steps() = Step(false);
  // The keys of all steps may have changed with the farm: the first that differs is no consequence of
  // another.
  facts.other_keys = {0, 1, 2};
  EXPECT_THAT(JudgeRebuild(facts).after_difference(), ElementsAre(2));
  facts.other_keys.clear();
  EXPECT_THAT(JudgeRebuild(facts).after_difference(), IsEmpty());
}

TEST(RebuildJudgementTest, OtherInputIsSaid) {
  RebuildFacts facts = OtherManifest();
  facts.now.layers[0] = "sha256:9";
  facts.comparison.set_verdict(v1::VERDICT_INPUT_DRIFT);
  facts.comparison.set_reason("step 2 was given other input");
  const v1::RebuildComparison judged = JudgeRebuild(facts);
  EXPECT_EQ(judged.comparison().verdict(), v1::VERDICT_INPUT_DRIFT);
  EXPECT_EQ(judged.reason(), "not the image of build 12: step 2 was given other input");
}

}  // namespace
}  // namespace crossmill::coordinator
