#include "coordinator/verdict/comparer.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/coordinator/core/messages.h"

namespace crossmill::verdict {
namespace {

using core::Difference;

v1::Witness Ran(const std::string& worker, const std::string& host, const std::string& layer) {
  v1::Witness witness;
  witness.set_worker(worker);
  witness.set_host_id(host);
  witness.mutable_layer()->mutable_tar()->set_hash(layer);
  return witness;
}

v1::StagePlan* AddStage(v1::BuildPlan* plan, const std::string& name) {
  v1::StagePlan* stage = plan->add_stages();
  stage->set_name(name);
  stage->set_base_image(0);
  return stage;
}

v1::Step* AddRun(v1::StagePlan* stage, uint32_t number, const std::string& command) {
  v1::Step* step = stage->add_steps();
  step->set_number(number);
  step->set_text("RUN " + command);
  step->mutable_range()->set_file("Dockerfile");
  step->mutable_range()->set_first_line(10 + number);
  step->mutable_run()->add_argv(command);
  return step;
}

void AddExport(v1::BuildPlan* plan, uint32_t from, const std::string& pattern) {
  plan->mutable_stages(static_cast<int>(from))->add_exports()->set_pattern(pattern);
}

void AddCopyFrom(v1::StagePlan* stage, uint32_t number, uint32_t from, const std::string& pattern,
                 const std::string& to) {
  v1::Step* step = stage->add_steps();
  step->set_number(number);
  step->mutable_range()->set_file("Dockerfile");
  step->mutable_range()->set_first_line(20 + number);
  step->mutable_copy()->set_destination(to);
  v1::ExportSource* source = step->mutable_copy()->add_sources()->mutable_export_();
  source->set_stage(from);
  source->mutable_export_()->set_pattern(pattern);
}

// The tutorial's service: builder (apt, pip) -> /root/.local -> target.
class ComparerTest : public testing::Test {
 protected:
  ComparerTest() {
    v1::StagePlan* builder = AddStage(&plan_, "builder");
    AddRun(builder, 2, "apt-get install gcc");
    AddRun(builder, 3, "pip install --user");
    v1::StagePlan* target = AddStage(&plan_, "1");
    AddCopyFrom(target, 2, 0, "/root/.local", "/root/.local");
    AddExport(&plan_, 0, "/root/.local");
    input_.resolved.paths.resize(2);
    input_.resolved.paths[0].emplace_back().emplace().add_trees("root/.local");
    v1::Step* metadata = target->add_steps();
    metadata->set_number(3);
    plan_.add_cells()->set_target_stage(1);
    input_.plan = &plan_;
    input_.wanted = 2;
    input_.image_digests = {"sha256:i", "sha256:i"};
    input_.steps = {Agreeing(0, 2), Agreeing(0, 3), Agreeing(1, 2)};
  }

  static StepExecutions Agreeing(uint32_t stage, uint32_t step) {
    return {stage, step, {Ran("w1", "h1", "same"), Ran("w2", "h2", "same")}, {}, 0};
  }
  static StepExecutions Divergent(uint32_t stage, uint32_t step,
                                  std::vector<v1::PathDifference> differences) {
    return {stage, step, {Ran("w1", "h1", "one"), Ran("w2", "h2", "other")}, std::move(differences), 0};
  }

  v1::BuildPlan plan_;
  CellExecutions input_;
};

TEST_F(ComparerTest, AgreementOnTwoHostsIsReproducibleAtImageLevel) {
  const v1::CellComparison result = CompareCell(input_);
  EXPECT_EQ(result.verdict(), v1::VERDICT_REPRODUCIBLE);
  EXPECT_EQ(result.level(), "image");
  EXPECT_EQ(result.hosts(), 2u);
  EXPECT_EQ(result.executions(), 2u);
  EXPECT_FALSE(result.same_host());
  EXPECT_EQ(result.steps_size(), 3);
  EXPECT_EQ(result.reason(), "2 executions on 2 hosts gave the same bytes");
}

TEST_F(ComparerTest, DivergentStepThatIsNotCopiedFromIsListedAndTheImageIsReproducible) {
  input_.steps[0] = Divergent(0, 2, {Difference("var/log/apt/history.log"), Difference("var/log/dpkg.log")});
  const v1::CellComparison result = CompareCell(input_);
  EXPECT_EQ(result.verdict(), v1::VERDICT_REPRODUCIBLE);
  EXPECT_EQ(result.level(), "image");
  EXPECT_FALSE(result.steps(0).agrees());
  EXPECT_FALSE(result.steps(0).reaches_image());
  EXPECT_EQ(result.steps(0).differences_total(), 2u);
  EXPECT_EQ(
      result.reason(),
      "2 executions on 2 hosts gave the same bytes; 1 step differs in paths that do not reach the image");
}

TEST_F(ComparerTest, DivergenceBelowAnExportedPathReachesTheImage) {
  input_.steps[1] = Divergent(0, 3, {Difference("root/.cache/x"), Difference("root/.local/lib/a.so")});
  const v1::CellComparison result = CompareCell(input_);
  EXPECT_EQ(result.verdict(), v1::VERDICT_UNREPRODUCIBLE);
  // The replica copied the first's export, so the image digests say nothing.
  EXPECT_EQ(result.level(), "none");
  EXPECT_TRUE(result.steps(1).reaches_image());
  EXPECT_EQ(result.steps(1).differences(0).path(), "root/.local/lib/a.so")
      << "those that reach the image come first";
  EXPECT_EQ(
      result.reason(),
      "step 3 of stage builder (Dockerfile:13) gives different bytes in 1 path that reaches the image, first "
      "/root/.local/lib/a.so");
}

layer::LayerManifest Manifest(const std::vector<std::string>& lines) {
  std::string text = "crossmill-manifest 1\n";
  for (const std::string& line : lines) text += line + "\n";
  return layer::LayerManifest::Parse(text).value();
}

TEST_F(ComparerTest, BytesThatALaterStepCarriedToAnExportedPathReach) {
  const std::string hash(64, 'a');
  v1::PathDifference moved = Difference("tmp/x");
  moved.mutable_first()->set_hash(hash);
  moved.mutable_first()->set_size_bytes(16);
  input_.steps[0] = Divergent(0, 2, {moved});
  const std::string file = "f 0644 0 0 16 1 " + hash + " ";
  input_.layers[{0, 2}] = Manifest({file + "tmp/x"});
  input_.layers[{0, 3}] = Manifest({file + "srv/x"});
  EXPECT_EQ(CompareCell(input_).verdict(), v1::VERDICT_REPRODUCIBLE);
  input_.layers[{0, 3}] = Manifest({file + "root/.local/x"});
  EXPECT_EQ(CompareCell(input_).verdict(), v1::VERDICT_UNREPRODUCIBLE);
  input_.layers[{0, 3}] = Manifest({file + "a", "h 0644 0 0 0 1 - root/.local/x -> a"});
  EXPECT_EQ(CompareCell(input_).verdict(), v1::VERDICT_UNREPRODUCIBLE);
  input_.steps[0].differences[0].mutable_first()->set_size_bytes(0);
  EXPECT_EQ(CompareCell(input_).verdict(), v1::VERDICT_REPRODUCIBLE) << "empty files are everywhere";
}

TEST_F(ComparerTest, DivergenceInTheTargetStageReachesTheImageWhateverThePath) {
  AddRun(plan_.mutable_stages(1), 4, "date");
  input_.steps.push_back(Divergent(1, 4, {Difference("tmp/now")}));
  input_.image_digests = {"sha256:i", "sha256:j"};
  const v1::CellComparison result = CompareCell(input_);
  EXPECT_EQ(result.verdict(), v1::VERDICT_UNREPRODUCIBLE);
  EXPECT_EQ(result.level(), "exports");
  EXPECT_EQ(result.image_digests_size(), 2);
}

TEST_F(ComparerTest, DivergenceInAStageTheTargetIsFromReachesTheImage) {
  plan_.mutable_stages(1)->set_base_stage(0);
  input_.steps[0] = Divergent(0, 2, {Difference("var/log/dpkg.log")});
  EXPECT_EQ(CompareCell(input_).verdict(), v1::VERDICT_UNREPRODUCIBLE);
}

v1::InputChange Change(const std::string& name, const std::string& first, const std::string& second) {
  v1::InputChange change;
  change.set_name(name);
  change.set_first(first);
  change.set_second(second);
  return change;
}

v1::CauseGroup Group(const std::string& cause, v1::Cause::Confidence confidence) {
  v1::CauseGroup group;
  group.mutable_cause()->set_class_(cause);
  group.mutable_cause()->set_confidence(confidence);
  return group;
}

TEST_F(ComparerTest, OtherInputIsDriftAndNoVerdictOnTheRecipe) {
  input_.steps[1] = Divergent(0, 3, {Difference("root/.local/a")});
  input_.steps[1].input_changes = {Change("http://host/a", "sha256:aa", "sha256:bb"), Change("b", "1", "")};
  const v1::CellComparison result = CompareCell(input_);
  EXPECT_EQ(result.verdict(), v1::VERDICT_INPUT_DRIFT);
  EXPECT_EQ(result.reason(),
            "step 3 of stage builder (Dockerfile:13) was given other input, so its bytes cannot be compared: "
            "http://host/a was sha256:aa and sha256:bb; 1 more");
  EXPECT_EQ(result.steps(1).input_changes_size(), 2);
}

// What differs for a known reason of its own differs with the same input too.
TEST_F(ComparerTest, WhatIsExplainedOtherwiseIsNoDrift) {
  input_.steps[1] = Divergent(0, 3, {Difference("root/.local/a")});
  input_.steps[1].input_changes = {Change("http://host/a", "sha256:aa", "sha256:bb")};
  input_.steps[1].causes = {Group("embedded-time", v1::Cause::CONFIDENCE_CERTAIN)};
  EXPECT_EQ(CompareCell(input_).verdict(), v1::VERDICT_UNREPRODUCIBLE);
  input_.steps[1].causes.push_back(Group("unknown", v1::Cause::CONFIDENCE_POSSIBLE));
  EXPECT_EQ(CompareCell(input_).verdict(), v1::VERDICT_INPUT_DRIFT);
  // That nothing explains it is certain; the input still may.
  input_.steps[1].causes.back() = Group("unknown", v1::Cause::CONFIDENCE_CERTAIN);
  EXPECT_EQ(CompareCell(input_).verdict(), v1::VERDICT_INPUT_DRIFT);
  input_.steps[1].causes.pop_back();
  input_.steps[1].causes_problem = "not all was looked at";
  EXPECT_EQ(CompareCell(input_).verdict(), v1::VERDICT_INPUT_DRIFT);
}

TEST_F(ComparerTest, AStepWithTheSameInputThatDiffersDecides) {
  input_.steps[0] = Divergent(0, 2, {Difference("root/.local/x")});
  input_.steps[1] = Divergent(0, 3, {Difference("root/.local/a")});
  input_.steps[1].input_changes = {Change("http://host/a", "sha256:aa", "sha256:bb")};
  EXPECT_EQ(CompareCell(input_).verdict(), v1::VERDICT_UNREPRODUCIBLE);
  // Input that changed where it does not reach the image drifted nothing.
  input_.steps[0] = Divergent(0, 2, {Difference("var/log/x")});
  input_.steps[0].input_changes = input_.steps[1].input_changes;
  input_.steps[1] = Agreeing(0, 3);
  EXPECT_EQ(CompareCell(input_).verdict(), v1::VERDICT_REPRODUCIBLE);
}

TEST_F(ComparerTest, WhoWasOutvotedIsNamed) {
  input_.wanted = 3;
  input_.steps[0] = {
      0, 2, {Ran("w1", "h1", "same"), Ran("w2", "h2", "same"), Ran("w3", "h3", "same")}, {}, 0};
  input_.steps[2] = input_.steps[0];
  input_.steps[2].stage = 1;
  input_.steps[1] = {0,
                     3,
                     {Ran("w1", "h1", "same"), Ran("w2", "h2", "lie"), Ran("w3", "h3", "same")},
                     {Difference("root/.local/a")},
                     0};
  input_.steps[1].witnesses[1].set_outvoted(true);
  const v1::CellComparison result = CompareCell(input_);
  EXPECT_EQ(result.verdict(), v1::VERDICT_UNREPRODUCIBLE);
  EXPECT_NE(result.reason().find("w2 alone made other bytes than 2 others, which agree"), std::string::npos)
      << result.reason();
}

TEST_F(ComparerTest, TheLevelIsTheStrictestThatMatches) {
  input_.image_digests = {"sha256:i", "sha256:j"};
  input_.config_digests = {"sha256:c", "sha256:c"};
  EXPECT_EQ(CompareCell(input_).level(), "config");
  input_.config_digests = {"sha256:c", "sha256:d"};
  input_.blob_digests = {"a\nb\n", "a\nb\n"};
  EXPECT_EQ(CompareCell(input_).level(), "blobs");
  input_.blob_digests[1] = "a\nc\n";
  EXPECT_EQ(CompareCell(input_).level(), "layers");
  // A replica that has no image of its own says nothing.
  input_.config_digests = {"sha256:c", ""};
  EXPECT_EQ(CompareCell(input_).level(), "layers");
}

TEST_F(ComparerTest, WhatDiffersInPackingAloneHasEqualContents) {
  plan_.mutable_stages(1)->set_base_stage(0);
  input_.steps[0] = Divergent(0, 2, {Difference("a.tar")});
  EXPECT_EQ(CompareCell(input_).level(), "exports");
  input_.steps[0].only_packing = true;
  EXPECT_EQ(CompareCell(input_).level(), "contents");
  // Of each step that reaches the image.
  input_.steps[1] = Divergent(0, 3, {Difference("b")});
  EXPECT_EQ(CompareCell(input_).level(), "exports");
  input_.steps[1].only_packing = true;
  EXPECT_EQ(CompareCell(input_).level(), "contents");
  input_.same_root = true;
  EXPECT_EQ(CompareCell(input_).level(), "root");
}

TEST_F(ComparerTest, CopiedArchivesThatDifferInPackingHaveEqualContents) {
  input_.steps[1] = Divergent(0, 3, {Difference("root/.local/a.tar")});
  EXPECT_EQ(CompareCell(input_).level(), "none");
  input_.steps[1].only_packing = true;
  EXPECT_EQ(CompareCell(input_).level(), "contents");
}

TEST_F(ComparerTest, TimesAloneAreEqualEntries) {
  plan_.mutable_stages(1)->set_base_stage(0);
  input_.steps[0] = Divergent(0, 2, {Difference("var/x", v1::PathDifference::KIND_TIME)});
  const v1::CellComparison result = CompareCell(input_);
  EXPECT_EQ(result.verdict(), v1::VERDICT_UNREPRODUCIBLE);
  EXPECT_EQ(result.level(), "entries");
}

TEST_F(ComparerTest, UnknownDifferencesOfAStageThatIsCopiedFromCountAsReaching) {
  input_.steps[0] = Divergent(0, 2, {Difference("var/log/dpkg.log")});
  input_.steps[0].differences_total = 5000;
  EXPECT_EQ(CompareCell(input_).verdict(), v1::VERDICT_UNREPRODUCIBLE);
  input_.steps[0] = Divergent(0, 2, {});
  EXPECT_EQ(CompareCell(input_).verdict(), v1::VERDICT_UNREPRODUCIBLE);
}

TEST_F(ComparerTest, TwoWorkersOfOneHostAreInconclusiveUnlessAllowed) {
  for (StepExecutions& step : input_.steps)
    step.witnesses = {Ran("w1", "h1", "same"), Ran("w2", "h1", "same")};
  v1::CellComparison result = CompareCell(input_);
  EXPECT_EQ(result.verdict(), v1::VERDICT_INCONCLUSIVE);
  EXPECT_EQ(result.reason(), "2 hosts were asked for, but not every step ran on more than 1 host");
  input_.allow_same_host = true;
  result = CompareCell(input_);
  EXPECT_EQ(result.verdict(), v1::VERDICT_REPRODUCIBLE);
  EXPECT_TRUE(result.same_host());
  EXPECT_EQ(result.reason(), "2 executions on the same host gave the same bytes");
}

TEST_F(ComparerTest, OneWorkerTwiceIsInconclusiveEvenIfOneHostIsAllowed) {
  input_.allow_same_host = true;
  for (StepExecutions& step : input_.steps)
    step.witnesses = {Ran("w1", "h1", "same"), Ran("w1", "h1", "same")};
  EXPECT_EQ(CompareCell(input_).verdict(), v1::VERDICT_INCONCLUSIVE);
}

TEST_F(ComparerTest, AStepWithoutExecutionsIsInconclusive) {
  input_.steps.pop_back();
  EXPECT_EQ(CompareCell(input_).verdict(), v1::VERDICT_INCONCLUSIVE);
}

TEST_F(ComparerTest, DivergenceIsProofEvenOnOneHost) {
  input_.steps[1] = Divergent(0, 3, {Difference("root/.local/x")});
  input_.steps[1].witnesses = {Ran("w1", "h1", "one"), Ran("w2", "h1", "other")};
  EXPECT_EQ(CompareCell(input_).verdict(), v1::VERDICT_UNREPRODUCIBLE);
}

v1::Witness Failed(const std::string& worker, const std::string& host, const std::string& failure) {
  v1::Witness witness;
  witness.set_worker(worker);
  witness.set_host_id(host);
  witness.set_failure(failure);
  return witness;
}

TEST_F(ComparerTest, FailureInOneExecutionIsFlaky) {
  input_.steps[1].witnesses = {Ran("w1", "h1", "one"), Failed("w2", "h2", "exit code 3")};
  const v1::CellComparison result = CompareCell(input_);
  EXPECT_EQ(result.verdict(), v1::VERDICT_FLAKY);
  EXPECT_EQ(
      result.reason(),
      "step 3 of stage builder (Dockerfile:13) succeeded in one execution and failed in another: exit code 3 "
      "on w2");
  EXPECT_FALSE(result.steps(1).agrees());
  // A failure has no bytes that could differ or reach anything.
  EXPECT_FALSE(result.steps(1).reaches_image());
  EXPECT_EQ(result.steps(1).differences_total(), 0u);
}

TEST_F(ComparerTest, LayersThatDifferBesideAFailureAreJudgedAsEver) {
  input_.steps[1] = Divergent(0, 3, {Difference("root/.local/x")});
  input_.steps[1].witnesses.push_back(Failed("w3", "h3", "exit code 3"));
  const v1::CellComparison result = CompareCell(input_);
  EXPECT_EQ(result.verdict(), v1::VERDICT_FLAKY);
  EXPECT_TRUE(result.steps(1).reaches_image());
  EXPECT_EQ(result.steps(1).differences_total(), 1u);
}

TEST_F(ComparerTest, NotAskedForIsUnverified) {
  input_.wanted = 1;
  EXPECT_EQ(CompareCell(input_).verdict(), v1::VERDICT_UNVERIFIED);
}

TEST_F(ComparerTest, LevelFallsToConfigAndLayersWhenDigestsDiffer) {
  input_.image_digests = {"sha256:i", "sha256:j"};
  input_.config_digests = {"sha256:c", "sha256:c"};
  EXPECT_EQ(CompareCell(input_).level(), "config");
  input_.config_digests.clear();
  EXPECT_EQ(CompareCell(input_).level(), "layers");
}

TEST_F(ComparerTest, TheThirdOfThreeExecutionsCanDisagree) {
  input_.wanted = 3;
  for (StepExecutions& step : input_.steps) step.witnesses.push_back(Ran("w3", "h3", "same"));
  EXPECT_EQ(CompareCell(input_).verdict(), v1::VERDICT_REPRODUCIBLE);
  input_.steps[1].witnesses[2] = Ran("w3", "h3", "other");
  input_.steps[1].differences = {Difference("root/.local/x")};
  EXPECT_EQ(CompareCell(input_).verdict(), v1::VERDICT_UNREPRODUCIBLE);
}

TEST_F(ComparerTest, DifferencesAreCutAtTheLimitAndCounted) {
  std::vector<v1::PathDifference> many;
  for (int i = 0; i < 50; ++i) many.push_back(Difference("root/.local/f" + std::to_string(i)));
  input_.steps[1] = Divergent(0, 3, many);
  input_.difference_limit = 10;
  const v1::CellComparison result = CompareCell(input_);
  EXPECT_EQ(result.steps(1).differences_size(), 10);
  EXPECT_EQ(result.steps(1).differences_total(), 50u);
}

TEST_F(ComparerTest, StepsOfOtherCellsAreIgnored) {
  AddRun(AddStage(&plan_, "other-platform"), 2, "date");
  input_.steps.push_back(Divergent(2, 2, {Difference("x")}));
  const v1::CellComparison result = CompareCell(input_);
  EXPECT_EQ(result.verdict(), v1::VERDICT_REPRODUCIBLE);
  EXPECT_EQ(result.steps_size(), 3);
}

TEST_F(ComparerTest, AnImageWithoutSteps) {
  plan_.mutable_stages(1)->clear_steps();
  input_.steps.clear();
  const v1::CellComparison result = CompareCell(input_);
  EXPECT_EQ(result.verdict(), v1::VERDICT_REPRODUCIBLE);
  EXPECT_EQ(result.steps_size(), 0);
}

}  // namespace
}  // namespace crossmill::verdict
