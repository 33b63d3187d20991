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

// "weekend" is no time, so its cause is unknown; the clocks of replicas are days apart.
TEST_F(OutvotedTest, AUnitOfTheCalendarCanExplainIt) {
  constexpr int64_t kHour = 3'600'000'000'000, kFriday = 1793923200'000'000'000;  // 2026-11-06 00:00 UTC
  const auto at = [&](int64_t hours) {
    const int64_t time = kFriday + hours * kHour;
    return std::to_string(time) + " " + std::to_string(time + 1'000'000'000);
  };
  const auto shifted = [&](int64_t hours) { return at(hours) + " " + at(13); };
  Add("work");
  Tell(v1::ASPECT_CLOCK, at(13));
  Add("weekend");
  Tell(v1::ASPECT_CLOCK, shifted(13 + 25));
  Add("weekend");
  Tell(v1::ASPECT_CLOCK, shifted(13 + 50));
  EXPECT_EQ(Outvoted(false, false), "") << "a Friday against Saturday and Sunday";
  witnesses_[1].mutable_layer()->mutable_tar()->set_hash("work");
  EXPECT_EQ(Outvoted(false, false), "w3") << "Friday and Saturday have nothing in common that Sunday has not";
  // Before noon against two afternoons.
  for (v1::Witness& witness : witnesses_) witness.mutable_layer()->mutable_tar()->set_hash("b");
  witnesses_.pop_back();
  witnesses_.pop_back();
  Tell(v1::ASPECT_CLOCK, at(24 * 3 + 11));
  Add("a");
  Tell(v1::ASPECT_CLOCK, at(24 * 4 + 12));
  Add("a");
  Tell(v1::ASPECT_CLOCK, at(24 * 5 + 13));
  EXPECT_EQ(Outvoted(false, false), "");
  // A step that ran on over the boundary may have had either.
  witnesses_.front().mutable_circumstances(0)->set_value(at(24 * 3 + 13));
  EXPECT_EQ(Outvoted(false, false), "w1");
  witnesses_.front().mutable_circumstances(0)->set_value(std::to_string(kFriday + (24 * 3 + 11) * kHour) +
                                                         " " +
                                                         std::to_string(kFriday + (24 * 3 + 14) * kHour));
  EXPECT_EQ(Outvoted(false, false), "");
}

TEST_F(OutvotedTest, WhatNobodyToldCanExplainIt) {
  Add("a");
  Add("b");
  witnesses_.back().clear_circumstances();
  Add("a");
  EXPECT_EQ(Outvoted(), "");
}

}  // namespace
}  // namespace crossmill::verdict
