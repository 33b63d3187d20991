#include "coordinator/engine/planning/planning_turns.h"

#include <gmock/gmock.h>

#include "common/base/files.h"
#include "coordinator/engine/planning/known_end.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(PlanningTurnsTest, AllBeginAtOnceWhileNobodyIsSuspect) {
  PlanningTurns turns;
  turns.Add(1, false);
  turns.Add(2, false);
  EXPECT_THAT(turns.Begin(absl::UnixEpoch()), ElementsAre(1, 2));
  turns.Add(3, false);
  EXPECT_THAT(turns.Begin(absl::UnixEpoch()), ElementsAre(3));
  EXPECT_THAT(turns.Begin(absl::UnixEpoch()), IsEmpty());
}

TEST(PlanningTurnsTest, SuspectsAreAloneAndBeforeTheOthers) {
  PlanningTurns turns;
  turns.Add(1, false);
  turns.Add(2, true);
  turns.Add(3, true);
  EXPECT_THAT(turns.Begin(absl::UnixEpoch()), ElementsAre(2));
  EXPECT_THAT(turns.Begin(absl::UnixEpoch()), IsEmpty());
  turns.Remove(2);
  EXPECT_THAT(turns.Begin(absl::UnixEpoch()), ElementsAre(3));
  turns.Remove(3);
  EXPECT_THAT(turns.Begin(absl::UnixEpoch()), ElementsAre(1));
}

TEST(PlanningTurnsTest, OneThatTakesLongHoldsNobodyUp) {
  PlanningTurns turns;
  turns.Add(1, true);
  turns.Add(2, false);
  const absl::Time begun = absl::UnixEpoch();
  EXPECT_THAT(turns.Begin(begun), ElementsAre(1));
  EXPECT_THAT(turns.Begin(begun + PlanningTurns::kAlone - absl::Seconds(1)), IsEmpty());
  EXPECT_THAT(turns.Begin(begun + PlanningTurns::kAlone), ElementsAre(2));
  turns.Remove(1);
  turns.Remove(2);
}

TEST(PlanningTurnsTest, ManyThatTakeLongHoldNobodyUpForLonger) {
  PlanningTurns turns;
  for (int64_t build = 1; build <= 10; ++build) turns.Add(build, true);
  turns.Add(11, false);
  const absl::Time begun = absl::UnixEpoch();
  EXPECT_THAT(turns.Begin(begun), ElementsAre(1));
  EXPECT_THAT(turns.Begin(begun + PlanningTurns::kAlone), ElementsAre(2));
  EXPECT_EQ(turns.Begin(begun + PlanningTurns::kAllAlone).size(), 9u) << "all";
}

TEST(PlanningTurnsTest, NotMoreThanThereAreThreadsFor) {
  PlanningTurns turns;
  const int64_t many = static_cast<int64_t>(PlanningTurns::kTogether) + 2;
  for (int64_t build = 1; build <= many; ++build) turns.Add(build, false);
  EXPECT_EQ(turns.Begin(absl::UnixEpoch()).size(), PlanningTurns::kTogether);
  EXPECT_THAT(turns.Begin(absl::UnixEpoch()), IsEmpty());
  turns.Remove(1);
  EXPECT_THAT(turns.Begin(absl::UnixEpoch()), ElementsAre(many - 1));
}

TEST(PlanningTurnsTest, WhoIsNotWantedAnyMoreDoesNotBegin) {
  PlanningTurns turns;
  turns.Add(1, true);
  turns.Add(2, false);
  turns.Remove(1);
  EXPECT_THAT(turns.Begin(absl::UnixEpoch()), ElementsAre(2));
}

TEST(KnownEndTest, OnlyWhoSaysSoKnew) {
  auto folder = TemporaryFolder::Create();
  ASSERT_OK(folder);
  const std::string path = folder->Path("alive");
  EXPECT_TRUE(KnownEnd(path).WasKnown()) << "there was none before";
  KnownEnd(path).Begin();
  EXPECT_FALSE(KnownEnd(path).WasKnown()) << "killed";
  KnownEnd third(path);
  third.Begin();
  EXPECT_FALSE(third.WasKnown());
  third.Note();
  EXPECT_TRUE(KnownEnd(path).WasKnown());
}

}  // namespace
}  // namespace crossmill::coordinator
