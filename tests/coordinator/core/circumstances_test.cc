#include "coordinator/core/circumstances.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace crossmill::core {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr int64_t kNanos = 1'000'000'000;

v1::Circumstance Told(v1::Aspect aspect, const std::string& value, bool asked = false) {
  v1::Circumstance each;
  each.set_aspect(aspect);
  each.set_value(value);
  each.set_asked(asked);
  return each;
}

std::string Clock(int64_t begin_ns, int64_t end_ns) {
  return std::to_string(begin_ns) + " " + std::to_string(end_ns);
}

class CircumstancesTest : public testing::Test {
 protected:
  v1::StepComparison& AddStep(const std::vector<std::vector<v1::Circumstance>>& executions) {
    v1::StepComparison& step = *comparison_.add_steps();
    for (const auto& told : executions) {
      v1::Witness& witness = *step.add_witnesses();
      witness.mutable_layer()->mutable_tar()->set_hash("a");
      witness.mutable_circumstances()->Assign(told.begin(), told.end());
    }
    return step;
  }
  // Every step is a RUN.
  std::string Describe() {
    std::vector<int> runs;
    for (int i = 0; i < comparison_.steps_size(); ++i) runs.push_back(i);
    return Describe(runs);
  }
  std::string Describe(const std::vector<int>& runs) {
    DescribeCircumstances(runs, &comparison_);
    return comparison_.circumstances();
  }

  v1::CellComparison comparison_;
};

TEST_F(CircumstancesTest, WhatDiffersIsVariedAndWhatDoesNotIsEqual) {
  AddStep({{Told(v1::ASPECT_CLOCK, Clock(10 * kNanos, 12 * kNanos)), Told(v1::ASPECT_HOST_NAME, "a"),
            Told(v1::ASPECT_PROCESSORS, "2"), Told(v1::ASPECT_KERNEL, "6.1")},
           {Told(v1::ASPECT_CLOCK, Clock(15 * kNanos, 16 * kNanos)), Told(v1::ASPECT_HOST_NAME, "b"),
            Told(v1::ASPECT_PROCESSORS, "1"), Told(v1::ASPECT_KERNEL, "6.1")}});
  EXPECT_EQ(Describe(), "clock at least 3 s apart; host name and number of processors varied; kernel equal");
  EXPECT_THAT(comparison_.varied(),
              ElementsAre(v1::ASPECT_CLOCK, v1::ASPECT_HOST_NAME, v1::ASPECT_PROCESSORS));
  EXPECT_THAT(comparison_.equal(), ElementsAre(v1::ASPECT_KERNEL));
}

// Asking for another value is no claim: a worker with one processor has no other number.
TEST_F(CircumstancesTest, WhatWasAskedForAndNotGivenIsEqual) {
  AddStep({{Told(v1::ASPECT_PROCESSORS, "1")}, {Told(v1::ASPECT_PROCESSORS, "1", true)}});
  EXPECT_EQ(Describe(), "number of processors equal");
  EXPECT_THAT(comparison_.varied(), IsEmpty());
}

TEST_F(CircumstancesTest, OneStepInWhichItWasEqualUnsaysTheOthers) {
  AddStep({{Told(v1::ASPECT_HOST_NAME, "a")}, {Told(v1::ASPECT_HOST_NAME, "b")}});
  AddStep({{Told(v1::ASPECT_HOST_NAME, "a")}, {Told(v1::ASPECT_HOST_NAME, "a")}});
  EXPECT_EQ(Describe(), "host name equal");
}

TEST_F(CircumstancesTest, ASharedSecondIsTheSameClock) {
  AddStep({{Told(v1::ASPECT_CLOCK, Clock(10 * kNanos, 11 * kNanos))},
           {Told(v1::ASPECT_CLOCK, Clock(11 * kNanos + 900, 13 * kNanos))}});
  EXPECT_EQ(Describe(), "clock equal");
  comparison_.clear_steps();
  // Zip keeps steps of two seconds.
  AddStep({{Told(v1::ASPECT_CLOCK, Clock(10 * kNanos, 10 * kNanos + 1))},
           {Told(v1::ASPECT_CLOCK, Clock(11 * kNanos, 11 * kNanos + 1))}});
  EXPECT_EQ(Describe(), "clock equal");
  comparison_.clear_steps();
  // However early the other ran.
  AddStep({{Told(v1::ASPECT_CLOCK, Clock(100'000 * kNanos, 100'001 * kNanos))},
           {Told(v1::ASPECT_CLOCK, Clock(3 * kNanos, 4 * kNanos))}});
  EXPECT_EQ(Describe(), "clock at least 27 h apart");
}

TEST_F(CircumstancesTest, TheClockSaysWhatTheWorstStepHad) {
  AddStep({{Told(v1::ASPECT_CLOCK, Clock(0, kNanos))},
           {Told(v1::ASPECT_CLOCK, Clock(90 * kNanos, 91 * kNanos))}});
  AddStep({{Told(v1::ASPECT_CLOCK, Clock(5 * kNanos, 6 * kNanos))},
           {Told(v1::ASPECT_CLOCK, Clock(8 * kNanos, 9 * kNanos))}});
  EXPECT_EQ(Describe(), "clock at least 2 s apart");
}

// Records of before, and workers that are older: nothing is claimed.
TEST_F(CircumstancesTest, OfAnExecutionThatTellsNothingNothingIsSaid) {
  AddStep({{Told(v1::ASPECT_HOST_NAME, "a")}, {}});
  EXPECT_EQ(Describe(), "");
  EXPECT_THAT(comparison_.equal(), IsEmpty());
}

TEST_F(CircumstancesTest, AFailedExecutionAndALoneOneCompareNothing) {
  AddStep({{Told(v1::ASPECT_HOST_NAME, "a")}, {Told(v1::ASPECT_HOST_NAME, "b")}})
      .mutable_witnesses(1)
      ->clear_layer();
  AddStep({{Told(v1::ASPECT_HOST_NAME, "a")}});
  EXPECT_EQ(Describe(), "");
}

// A clock that passes from one step of two seconds into the next in 2 ms is another time, and 2 ms.
TEST_F(CircumstancesTest, TheDistanceIsThatOfTheClocksAndNotOfTheirSeconds) {
  AddStep({{Told(v1::ASPECT_CLOCK, Clock(10 * kNanos, 12 * kNanos - 1'000'000))},
           {Told(v1::ASPECT_CLOCK, Clock(12 * kNanos + 1'000'000, 13 * kNanos))}});
  EXPECT_EQ(Describe(), "clock at least 2 ms apart");
  comparison_.clear_steps();
  AddStep({{Told(v1::ASPECT_CLOCK, Clock(10 * kNanos, 12 * kNanos - 1))},
           {Told(v1::ASPECT_CLOCK, Clock(12 * kNanos, 13 * kNanos))}});
  EXPECT_EQ(Describe(), "clock less than 1 ms apart");
  comparison_.clear_steps();
  AddStep({{Told(v1::ASPECT_CLOCK, Clock(10 * kNanos, 11 * kNanos - 1'000'000))},
           {Told(v1::ASPECT_CLOCK, Clock(13 * kNanos, 14 * kNanos))}});
  EXPECT_EQ(Describe(), "clock at least 2 s apart");
}

TEST_F(CircumstancesTest, OfMoreThanTwoExecutionsTheNearestTwoCount) {
  AddStep({{Told(v1::ASPECT_CLOCK, Clock(0, kNanos))},
           {Told(v1::ASPECT_CLOCK, Clock(500 * kNanos, 501 * kNanos))},
           {Told(v1::ASPECT_CLOCK, Clock(4 * kNanos, 5 * kNanos))}});
  EXPECT_EQ(Describe(), "clock at least 3 s apart");
  // The first and the last ran at the same time.
  comparison_.clear_steps();
  AddStep({{Told(v1::ASPECT_CLOCK, Clock(0, kNanos))},
           {Told(v1::ASPECT_CLOCK, Clock(500 * kNanos, 501 * kNanos))},
           {Told(v1::ASPECT_CLOCK, Clock(1, kNanos))}});
  EXPECT_EQ(Describe(), "clock of two executions at least 8 min apart");
}

// Else "varied in every RUN" would be said of a RUN that an older worker executed.
TEST_F(CircumstancesTest, WhatIsNotKnownOfOneRunIsNotVaried) {
  AddStep({{Told(v1::ASPECT_HOST_NAME, "a")}, {Told(v1::ASPECT_HOST_NAME, "b")}});
  AddStep({{}, {}});
  EXPECT_EQ(Describe(), "");
  EXPECT_THAT(comparison_.varied(), IsEmpty());
  // A step that is no RUN has no circumstances.
  EXPECT_EQ(Describe({0}), "host name varied");
}

TEST_F(CircumstancesTest, AnExecutionIsOneVoice) {
  AddStep({{Told(v1::ASPECT_HOST_NAME, "a"), Told(v1::ASPECT_HOST_NAME, "b")}, {}});
  EXPECT_EQ(Describe(), "");
  comparison_.clear_steps();
  AddStep({{Told(v1::ASPECT_HOST_NAME, "a"), Told(v1::ASPECT_HOST_NAME, "b")},
           {Told(v1::ASPECT_HOST_NAME, "a")}});
  EXPECT_EQ(Describe(), "");
}

// A worker's word: nothing of it is taken for a time.
TEST_F(CircumstancesTest, ClocksThatAreNoTimesAreNotVaried) {
  for (const char* lie :
       {"", "x y", "5", "9 3", "-5 -1", "1 2 3", "1 2 3 4 5", "10 11 4 3", "99999999999999999999 1"}) {
    comparison_.clear_steps();
    AddStep({{Told(v1::ASPECT_CLOCK, Clock(10 * kNanos, 11 * kNanos))}, {Told(v1::ASPECT_CLOCK, lie)}});
    EXPECT_EQ(Describe(), "clock equal") << lie;
  }
}

TEST_F(CircumstancesTest, LimitsAreSaid) {
  v1::Circumstance clock = Told(v1::ASPECT_CLOCK, Clock(100 * kNanos, 101 * kNanos), true);
  clock.set_limit("programs that are linked statically");
  AddStep({{Told(v1::ASPECT_CLOCK, Clock(0, 1))}, {clock}});
  EXPECT_EQ(Describe(), "clock at least 1 min apart; the clock not for programs that are linked statically");
}

// Programs that no shift reaches had the real clock: nothing else may be said of them.
TEST_F(CircumstancesTest, WhoSeesNoShiftIsToldApart) {
  const auto shifted = [](int64_t begin, int64_t end) {
    v1::Circumstance clock =
        Told(v1::ASPECT_CLOCK,
             fmt::format("{} {}", Clock((begin + 90'061) * kNanos, (end + 90'061) * kNanos),
                         Clock(begin * kNanos, end * kNanos)),
             true);
    clock.set_limit("static programs");
    return clock;
  };
  AddStep({{Told(v1::ASPECT_CLOCK, Clock(10 * kNanos, 11 * kNanos))}, {shifted(14, 15)}});
  EXPECT_EQ(Describe(), "clock at least 25 h apart (at least 3 s for static programs)");
  EXPECT_THAT(comparison_.varied(), ElementsAre(v1::ASPECT_CLOCK));

  // At the same time, really.
  comparison_.clear_steps();
  AddStep({{Told(v1::ASPECT_CLOCK, Clock(10 * kNanos, 11 * kNanos))}, {shifted(11, 15)}});
  EXPECT_EQ(Describe(), "clock at least 25 h apart; the clock not for static programs");

  // Another RUN that could not be shifted: what is said holds for both.
  comparison_.clear_steps();
  AddStep({{Told(v1::ASPECT_CLOCK, Clock(10 * kNanos, 11 * kNanos))}, {shifted(14, 15)}});
  AddStep({{Told(v1::ASPECT_CLOCK, Clock(20 * kNanos, 21 * kNanos))},
           {Told(v1::ASPECT_CLOCK, Clock(23 * kNanos, 24 * kNanos), true)}});
  EXPECT_EQ(Describe(), "clock at least 2 s apart");
}

TEST(ClockOfTest, IsTheWorkersOwn) {
  StepFact fact;
  fact.circumstances = {Told(v1::ASPECT_CLOCK, "900 901 5 6", true)};
  const auto clock = ClockOf(fact);
  ASSERT_TRUE(clock.has_value());
  EXPECT_EQ(clock->begin, 5);
  EXPECT_EQ(clock->end, 6);
}

// From second to second, as it was shown and as it was.
StepFact Ran(int64_t begin, int64_t end, int64_t shift = 0) {
  StepFact fact;
  const std::string real = Clock(begin * kNanos, end * kNanos);
  const std::string value =
      shift == 0 ? real : Clock((begin + shift) * kNanos, (end + shift) * kNanos) + " " + real;
  fact.circumstances = {Told(v1::ASPECT_CLOCK, value, true)};
  fact.started_at = begin * kNanos;
  fact.finished_at = end * kNanos;
  return fact;
}

constexpr int64_t kDayOfTest = 90'061;

TEST(StandsApartTest, WhoRanWhileTheFirstDidDoesNotWhateverItWasShown) {
  const StepFact first = Ran(100, 160);
  for (const int64_t shift : {int64_t{0}, kDayOfTest}) {
    EXPECT_FALSE(StandsApart(first, Ran(110, 170, shift)));
    EXPECT_FALSE(StandsApart(first, Ran(90, 110, shift)));
    EXPECT_TRUE(StandsApart(first, Ran(162, 170, shift)));
  }
  // Only the coordinator was told late of the first's end.
  StepFact late = Ran(162, 170);
  late.started_at -= 5 * kNanos;
  EXPECT_TRUE(StandsApart(first, late));
}

TEST(StandsApartTest, WhatWasNotToldIsForTheVerdict) {
  const StepFact first = Ran(100, 160);
  EXPECT_TRUE(StandsApart(first, Ran(160, 170))) << "that they touch, the verdict says";
  StepFact silent = Ran(110, 170);
  silent.circumstances.clear();
  EXPECT_TRUE(StandsApart(first, silent));
  // A machine whose clock is behind, and the coordinator's time is what counts.
  StepFact behind = Ran(110, 120);
  behind.started_at = 161 * kNanos;
  EXPECT_TRUE(StandsApart(first, behind));
}

TEST(WasVariedTest, EveryAspectHasToBeAsked) {
  StepFact fact;
  EXPECT_TRUE(WasVaried(fact, {}));
  const std::vector<v1::Aspect> both = {v1::ASPECT_CLOCK, v1::ASPECT_HOST_NAME};
  EXPECT_FALSE(WasVaried(fact, both));
  fact.circumstances = {Told(v1::ASPECT_CLOCK, "1 2", true), Told(v1::ASPECT_HOST_NAME, "a", false)};
  EXPECT_FALSE(WasVaried(fact, both));
  fact.circumstances[1].set_asked(true);
  EXPECT_TRUE(WasVaried(fact, both));
}

// The time zone is the step's input until somebody asks for another one; then it counts that there was none.
TEST_F(CircumstancesTest, WhatTheStepItselfSetsIsToldWhereAnotherOneWasAskedFor) {
  AddStep({{Told(v1::ASPECT_TIME_ZONE, "usual"), Told(v1::ASPECT_KERNEL, "6.1")},
           {Told(v1::ASPECT_TIME_ZONE, "usual"), Told(v1::ASPECT_KERNEL, "6.1")}});
  EXPECT_EQ(Describe(), "kernel equal");
  comparison_.clear_steps();
  AddStep({{Told(v1::ASPECT_TIME_ZONE, "usual")}, {Told(v1::ASPECT_TIME_ZONE, "usual", true)}});
  EXPECT_EQ(Describe(), "time zone equal");
  comparison_.clear_steps();
  AddStep({{Told(v1::ASPECT_TIME_ZONE, "usual")}, {Told(v1::ASPECT_TIME_ZONE, "TZ=<+14>-14", true)}});
  EXPECT_EQ(Describe(), "time zone varied");
}

}  // namespace
}  // namespace crossmill::core
