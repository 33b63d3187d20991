#include "coordinator/core/comparer.h"

#include <gtest/gtest.h>

#include "coordinator/core/image_reach.h"

namespace crossmill::core {
namespace {

v1::PathDifference Difference(const std::string& path,
                              v1::PathDifference::Kind kind = v1::PathDifference::KIND_CONTENT,
                              const std::string& detail = "") {
  v1::PathDifference difference;
  difference.set_path(path);
  difference.set_kind(kind);
  difference.set_detail(detail);
  return difference;
}

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

TEST_F(ComparerTest, WhatIsMountedIntoACommandReachesTheImageAsIfCopied) {
  // Stage 2 is only mounted into the target, stage 3 into the builder, whose /root/.local is copied.
  AddRun(AddStage(&plan_, "tools"), 2, "make tools");
  AddRun(AddStage(&plan_, "seed"), 2, "make seed");
  const auto mount = [&](int stage, uint32_t from, const std::string& pattern) {
    v1::Step* step = AddRun(plan_.mutable_stages(stage), 9, "use");
    v1::ExportSource* source = step->mutable_run()->add_mounts()->mutable_source()->mutable_export_();
    source->set_stage(from);
    source->mutable_export_()->set_pattern(pattern);
  };
  mount(1, 2, "/opt/tools");
  mount(0, 3, "/seed");
  EXPECT_EQ(StagesOfCell(plan_, 0), (std::vector<uint32_t>{0, 1, 2, 3}));
  const ImageReach reach(plan_, 1);
  EXPECT_FALSE(reach.IsInImage(2));
  EXPECT_TRUE(reach.Reaches(2, Difference("opt/tools/bin/cc")));
  EXPECT_FALSE(reach.Reaches(2, Difference("var/log/x")));
  EXPECT_TRUE(reach.Reaches(3, Difference("seed/a")));
  EXPECT_FALSE(reach.Reaches(3, Difference("other")));
}

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

TEST_F(ComparerTest, TimesAloneAreEqualManifests) {
  plan_.mutable_stages(1)->set_base_stage(0);
  input_.steps[0] = Divergent(0, 2, {Difference("var/x", v1::PathDifference::KIND_TIME)});
  const v1::CellComparison result = CompareCell(input_);
  EXPECT_EQ(result.verdict(), v1::VERDICT_UNREPRODUCIBLE);
  EXPECT_EQ(result.level(), "manifests");
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

TEST_F(ComparerTest, FailureInOneExecutionIsFlaky) {
  input_.steps[1].witnesses = {Ran("w1", "h1", "one"), Ran("w2", "h2", "")};
  const v1::CellComparison result = CompareCell(input_);
  EXPECT_EQ(result.verdict(), v1::VERDICT_FLAKY);
  EXPECT_EQ(result.reason(),
            "step 3 of stage builder (Dockerfile:13) succeeded in one execution and failed in another");
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

// ---- what reaches the image ----

TEST(ImageReachTest, ExportsMatchAtAndBelowTheirPattern) {
  const struct {
    const char* pattern;
    const char* path;
    bool lies_in;
  } kCases[] = {
      {"/root/.local", "root/.local", true},
      {"/root/.local", "root/.local/bin/x", true},
      {"/root/.local/", "root/.local/bin/x", true},
      {"/root/.local", "root/.locale", false},
      {"/root/.local", "root", false},
      {"/", "any/where", true},
      {"/app/*.whl", "app/a.whl", true},
      {"/app/*.whl", "app/sub/a.whl", false},
      {"/app/*", "app/sub/a.whl", true},
      {"/app/?[a-c].so", "app/xb.so", true},
      {"/app/?[a-c].so", "app/xd.so", false},
      {"/app/[^a].so", "app/b.so", true},
      {"/app/[^a].so", "app/a.so", false},
      {"/app/\\*", "app/*", true},
      {"/app/\\*", "app/x", false},
      {"/opt/**/lib", "opt/a/b/lib/x.so", true},
      {"/opt/**/lib", "opt/lib/x.so", true},
      {"/opt/**/lib", "opt/a/b/bin", false},
      {"/a/../b/./c", "b/c", true},
      {"/bin/tool", "usr/bin/tool", true},
      {"/usr/lib/x", "lib/x/y", true},
      {"**", "anything", true},
  };
  for (const auto& test : kCases) {
    EXPECT_EQ(LiesInExport(test.pattern, test.path), test.lies_in) << test.pattern << " " << test.path;
  }
}

TEST(ImageReachTest, HostilePatternsTakeNoTime) {
  std::string pattern;
  std::string path;
  for (int i = 0; i < 60; ++i) {
    pattern += "/**/a";
    path += "/a";
  }
  EXPECT_FALSE(LiesInExport(pattern + "/b", path + path));
  EXPECT_FALSE(LiesInExport("/" + std::string(60, '*') + "b", "/" + std::string(2000, 'a')));
}

TEST(ImageReachTest, FolderAboveAnExportReachesOnlyIfItsMeaningChanges) {
  v1::BuildPlan plan;
  AddStage(&plan, "builder");
  AddCopyFrom(AddStage(&plan, "target"), 2, 0, "/opt/app", "/app");
  const ImageReach reach(plan, 1);
  EXPECT_FALSE(reach.Reaches(0, Difference("opt", v1::PathDifference::KIND_TIME)));
  EXPECT_FALSE(reach.Reaches(0, Difference("opt", v1::PathDifference::KIND_METADATA, "mode 0755 != 0700")));
  EXPECT_TRUE(reach.Reaches(0, Difference("opt", v1::PathDifference::KIND_METADATA, "link target a != b")));
  EXPECT_TRUE(reach.Reaches(0, Difference("opt", v1::PathDifference::KIND_ONLY_SECOND)));
}

TEST(ImageReachTest, CopiesOfCopiesReachWhereTheirDestinationIsExported) {
  v1::BuildPlan plan;
  AddStage(&plan, "sources");
  v1::StagePlan* middle = AddStage(&plan, "middle");
  AddCopyFrom(middle, 2, 0, "/used", "/out/used");
  AddCopyFrom(middle, 3, 0, "/unused", "/scratch");
  AddCopyFrom(AddStage(&plan, "target"), 2, 1, "/out", "/");
  const ImageReach reach(plan, 2);
  EXPECT_TRUE(reach.Reaches(0, Difference("used/a")));
  EXPECT_FALSE(reach.Reaches(0, Difference("unused/a")));
  EXPECT_TRUE(reach.IsConnected(1));
  EXPECT_FALSE(reach.IsInImage(1));
}

TEST(ImageReachTest, ExportsReachIntoTheStagesBelow) {
  v1::BuildPlan plan;
  AddStage(&plan, "base");
  AddStage(&plan, "builder")->set_base_stage(0);
  AddCopyFrom(AddStage(&plan, "target"), 2, 1, "/opt", "/opt");
  const ImageReach reach(plan, 2);
  EXPECT_TRUE(reach.Reaches(0, Difference("opt/x")));
  EXPECT_FALSE(reach.Reaches(0, Difference("var/x")));
}

}  // namespace
}  // namespace crossmill::core
