#include "coordinator/verdict/witnesses.h"

#include <gtest/gtest.h>

namespace crossmill::verdict {
namespace {

using core::StepFact;

StepFact Fact(int64_t execution, const std::string& worker, const std::string& host,
              const std::string& layer) {
  StepFact fact;
  fact.execution = execution;
  fact.worker = worker;
  fact.host_id = host;
  fact.layer.mutable_tar()->set_hash(layer);
  return fact;
}

StepFact FailedFact(int64_t execution, const std::string& worker, const std::string& host, int exit_code) {
  StepFact fact = Fact(execution, worker, host, "");
  fact.exit_code = exit_code;
  return fact;
}

std::string Workers(const std::vector<v1::Witness>& witnesses) {
  std::string text;
  for (const v1::Witness& witness : witnesses) {
    text += (text.empty() ? "" : " ") + witness.worker() + (witness.has_layer() ? "" : "!");
  }
  return text;
}

TEST(WitnessesTest, EachIsOnAHostOfItsOwnAndNoMoreThanWanted) {
  const StepFact first = Fact(1, "w1", "h1", "a");
  const std::vector<StepFact> others = {first, Fact(2, "w2", "h1", "a"), Fact(3, "w3", "h2", "a"),
                                        Fact(4, "w4", "h3", "a")};
  EXPECT_EQ(Workers(SelectWitnesses(first, others, {.wanted = 2})), "w1 w3");
  EXPECT_EQ(Workers(SelectWitnesses(first, others, {.wanted = 3})), "w1 w3 w4");
  EXPECT_EQ(Workers(SelectWitnesses(first, others, {.wanted = 2, .by_worker = true})), "w1 w2");
}

TEST(WitnessesTest, AFailureCountsEvenWhenEnoughSucceeded) {
  const StepFact first = Fact(1, "w1", "h1", "a");
  const std::vector<StepFact> others = {Fact(2, "w2", "h2", "a"), FailedFact(3, "w3", "h3", 4),
                                        FailedFact(4, "w1", "h1", 5)};
  const auto witnesses = SelectWitnesses(first, others, {.wanted = 2});
  EXPECT_EQ(Workers(witnesses), "w1 w2 w3! w1!");
  EXPECT_EQ(witnesses[2].failure(), "exit code 4");
}

TEST(WitnessesTest, EmulatedOnesAreLeftOutWhereTheyAreForbidden) {
  const StepFact first = Fact(1, "w1", "h1", "a");
  StepFact emulated = Fact(2, "w2", "h2", "b");
  emulated.emulated = true;
  EXPECT_EQ(Workers(SelectWitnesses(first, {emulated}, {.wanted = 2, .forbid_emulation = true})), "w1");
}

TEST(WitnessesTest, AgreementUnderAWeakerSetDoesNotSpeakForAStrongerOne) {
  const std::vector<v1::Aspect> aspects = {v1::ASPECT_CLOCK};
  const StepFact plain = Fact(2, "w2", "h2", "a");
  EXPECT_FALSE(MaySpeak(plain, /*is_run=*/true, /*own_replica=*/false, aspects));
  EXPECT_TRUE(MaySpeak(plain, true, false, {}));
  // Nothing varies for a COPY; a comparison's own replica is all that it can have; a failure is a failure.
  EXPECT_TRUE(MaySpeak(plain, false, false, aspects));
  EXPECT_TRUE(MaySpeak(plain, true, true, aspects));
  EXPECT_TRUE(MaySpeak(FailedFact(3, "w3", "h3", 1), true, false, aspects));
  StepFact varied = plain;
  varied.circumstances.emplace_back();
  varied.circumstances.back().set_aspect(v1::ASPECT_CLOCK);
  varied.circumstances.back().set_asked(true);
  EXPECT_TRUE(MaySpeak(varied, true, false, aspects));
}

class ReplicaChainTest : public testing::Test {
 protected:
  // Stage 0 with two steps, FROM it the target with one; two base layers.
  ReplicaChainTest() {
    v1::StagePlan* base = plan_.add_stages();
    base->set_base_image(0);
    for (uint32_t number : {2, 3}) AddRun(base, number);
    base->add_steps()->set_number(4);
    v1::StagePlan* target = plan_.add_stages();
    target->set_base_stage(0);
    AddRun(target, 2);
  }
  static void AddRun(v1::StagePlan* stage, uint32_t number) {
    v1::Step* step = stage->add_steps();
    step->set_number(number);
    step->mutable_run();
  }
  static v1::Layer Layer(const std::string& hash) {
    v1::Layer layer;
    layer.mutable_tar()->set_hash(hash);
    return layer;
  }
  static StepExecutions Step(uint32_t stage, uint32_t number, const std::vector<std::string>& layers) {
    StepExecutions step{stage, number, {}, {}, 0};
    for (const std::string& layer : layers) {
      v1::Witness& witness = step.witnesses.emplace_back();
      if (!layer.empty()) *witness.mutable_layer() = Layer(layer);
    }
    return step;
  }
  std::string Chain(const std::vector<StepExecutions>& steps, uint32_t replica) {
    std::vector<v1::Layer> first;
    for (const char* hash : {"base", "empty", "empty", "empty", "empty"}) first.push_back(Layer(hash));
    const auto chain = ReplicaChain(plan_, 1, first, steps, replica);
    if (!chain) return "none";
    std::string text;
    for (const v1::Layer& layer : *chain) text += (text.empty() ? "" : " ") + layer.tar().hash();
    return text;
  }
  v1::BuildPlan plan_;
};

TEST_F(ReplicaChainTest, LayersAreReplacedInTheirPlaceAlsoWhenSeveralAreEqual) {
  const std::vector<StepExecutions> steps = {Step(0, 2, {"empty", "empty"}), Step(0, 3, {"empty", "other"}),
                                             Step(1, 2, {"empty", "empty"})};
  EXPECT_EQ(Chain(steps, 1), "base empty empty other empty");
}

TEST_F(ReplicaChainTest, WithoutAllStepsThereIsNoImage) {
  EXPECT_EQ(Chain({Step(0, 2, {"empty", "empty"}), Step(0, 3, {"empty"}), Step(1, 2, {"empty", "empty"})}, 1),
            "none");
  EXPECT_EQ(
      Chain({Step(0, 2, {"empty", "empty"}), Step(0, 3, {"empty", ""}), Step(1, 2, {"empty", "empty"})}, 1),
      "none");
  EXPECT_EQ(Chain({Step(0, 2, {"empty", "empty"}), Step(0, 3, {"empty", "empty"})}, 1), "none");
}

TEST(ShareWitnessesTest, WhatAReplicaExecutedIsItsOwnAndTheRestGoesToTheLowestWithoutAny) {
  using Shares = std::vector<int>;
  const struct {
    std::vector<PlacedWitness> others;
    Shares shares;
  } cases[] = {
      {{}, {-1, -1}},
      {{{"b", 2}}, {-1, 0}},
      {{{"c", 2}, {"b", 1}}, {1, 0}},
      {{{"b", 0}}, {0, -1}},
      {{{"b", 0}, {"c", 1}}, {1, 0}},
      {{{"b", 0}, {"b", 1}}, {1, -1}},
      {{{"b", 0}, {"b", 0}, {"c", 0}, {"d", 0}}, {0, 2}},
      {{{"a", 0}, {"a", 1}}, {-1, -1}},
      {{{"b", 1}, {"c", 1}}, {0, 1}},
      {{{"b", 7}}, {0, -1}},
  };
  for (const auto& each : cases)
    EXPECT_EQ(ShareWitnesses("a", each.others, 2), each.shares) << each.others.size();
}

}  // namespace
}  // namespace crossmill::verdict
