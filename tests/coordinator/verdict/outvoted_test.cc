#include "coordinator/verdict/outvoted.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace crossmill::verdict {
namespace {

class OutvotedTest : public testing::Test {
 protected:
  // Each with a clock of its own.
  v1::Witness& Add(const std::string& layer) {
    const std::string number = std::to_string(witnesses_.size() + 1);
    v1::Witness& witness = witnesses_.emplace_back();
    witness.set_worker("w" + number);
    witness.set_host_id("h" + number);
    if (!layer.empty()) witness.mutable_layer()->mutable_tar()->set_hash(layer);
    Tell(v1::ASPECT_CLOCK, number + "0000000000 " + number + "0500000000");
    Tell(v1::ASPECT_KERNEL, "6.1");
    return witness;
  }
  void Tell(v1::Aspect aspect, const std::string& value) {
    v1::Circumstance* told = nullptr;
    for (v1::Circumstance& each : *witnesses_.back().mutable_circumstances()) {
      if (each.aspect() == aspect) told = &each;
    }
    if (told == nullptr) told = witnesses_.back().add_circumstances();
    told->set_aspect(aspect);
    told->set_value(value);
  }
  // The workers that are marked, with blanks.
  std::string Outvoted(bool by_worker = false, bool may_be_time = true) {
    std::vector<v1::Witness> witnesses = witnesses_;
    MarkOutvoted(by_worker, may_be_time, &witnesses);
    std::string names;
    for (const v1::Witness& witness : witnesses) {
      if (witness.outvoted()) names += (names.empty() ? "" : " ") + witness.worker();
    }
    return names;
  }

  std::vector<v1::Witness> witnesses_;
};

TEST_F(OutvotedTest, OneAgainstTwo) {
  Add("good");
  Add("bad");
  Add("good");
  EXPECT_EQ(Outvoted(), "w2");
}

TEST_F(OutvotedTest, TheFirstIsNoBetterThanOthers) {
  Add("bad");
  Add("good");
  Add("good");
  EXPECT_EQ(Outvoted(), "w1");
}

TEST_F(OutvotedTest, WithoutAMajorityNobodyIs) {
  Add("a");
  Add("b");
  EXPECT_EQ(Outvoted(), "");
  Add("c");
  EXPECT_EQ(Outvoted(), "") << "all differ";
  witnesses_.clear();
  for (const char* layer : {"a", "a", "b", "b"}) Add(layer);
  EXPECT_EQ(Outvoted(), "");
  witnesses_.clear();
  for (const char* layer : {"a", "a", "a"}) Add(layer);
  EXPECT_EQ(Outvoted(), "");
}

TEST_F(OutvotedTest, ThoseWhoAgreeAreOnPlacesOfTheirOwn) {
  Add("good");
  Add("bad");
  Add("good").set_host_id("h1");
  EXPECT_EQ(Outvoted(), "");
  EXPECT_EQ(Outvoted(true), "w2") << "distinct workers count";
  witnesses_[2].set_host_id("h2");
  EXPECT_EQ(Outvoted(), "") << "the host of the one that is alone says both";
}

TEST_F(OutvotedTest, AFailureIsNoVote) {
  Add("good");
  Add("bad");
  Add("");
  EXPECT_EQ(Outvoted(), "");
}

// A recipe that depends on the processor's model looks like this, and its worker is honest.
TEST_F(OutvotedTest, WhatTheOthersHaveInCommonCanExplainIt) {
  Add("a");
  Tell(v1::ASPECT_CPU_MODEL, "new");
  Add("b");
  Tell(v1::ASPECT_CPU_MODEL, "old");
  Add("a");
  Tell(v1::ASPECT_CPU_MODEL, "new");
  EXPECT_EQ(Outvoted(), "");
  Tell(v1::ASPECT_CPU_MODEL, "old");
  EXPECT_EQ(Outvoted(), "w2") << "the same model made both";
  Tell(v1::ASPECT_CPU_MODEL, "newest");
  EXPECT_EQ(Outvoted(), "w2") << "the others have no model in common";
}

TEST_F(OutvotedTest, ASecondInCommonCanExplainIt) {
  Add("a");
  Tell(v1::ASPECT_CLOCK, "10000000000 12000000000");
  Add("b");
  Add("b");
  Tell(v1::ASPECT_CLOCK, "21000000000 22000000000");
  EXPECT_EQ(Outvoted(), "");
  EXPECT_EQ(Outvoted(false, false), "w1") << "what differs is no time";
}

TEST_F(OutvotedTest, WhatNobodyToldCanExplainIt) {
  Add("a");
  Add("b");
  witnesses_.back().clear_circumstances();
  Add("a");
  EXPECT_EQ(Outvoted(), "");
}

TEST(MayBeTimeTest, UnlessTheCausesSayOtherwise) {
  EXPECT_TRUE(MayBeTime({}, ""));
  std::vector<v1::CauseGroup> causes(1);
  causes[0].mutable_cause()->set_class_("unknown");
  EXPECT_FALSE(MayBeTime(causes, ""));
  EXPECT_TRUE(MayBeTime(causes, "not all was looked at"));
  causes.emplace_back().mutable_cause()->set_class_("embedded-time");
  EXPECT_TRUE(MayBeTime(causes, ""));
}

}  // namespace
}  // namespace crossmill::verdict
