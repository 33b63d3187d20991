#include "worker/normalize/account_dates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace crossmill::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr AccountDays kDays = {.first = 20'784, .last = 20'785, .epoch = 19'700};

TEST(AccountDatesTest, DaysOfTheStepBecomeTheEpochs) {
  const AccountDates dates = ResetAccountDates(
      "root:*:19000:0:99999:7:::\nweb:!:20784:0:99999:7:::\ndb:!:20785::::::\nold:!:20783:0:99999:7:::\n", {},
      kDays);
  EXPECT_EQ(
      dates.content,
      "root:*:19000:0:99999:7:::\nweb:!:19700:0:99999:7:::\ndb:!:19700::::::\nold:!:20783:0:99999:7:::\n");
  EXPECT_THAT(dates.changed, ElementsAre("web", "db"));
  EXPECT_THAT(dates.expiring, IsEmpty());
}

TEST(AccountDatesTest, LinesOfBeforeStayThoughTheirDayIsTheSteps) {
  const std::string line = "base:!:20784:0:99999:7:::";
  const AccountDates dates = ResetAccountDates(line + "\nweb:!:20784:0:99999:7:::", {line}, kDays);
  EXPECT_EQ(dates.content, line + "\nweb:!:19700:0:99999:7:::");
  EXPECT_THAT(dates.changed, ElementsAre("web"));
}

TEST(AccountDatesTest, PasswordsThatExpireKeepTheDayThatTheyExpireBy) {
  const std::string content = "a:$6$x:20784:0:90:7:::\nb:$6$x:20784:0:x:7:::\nc:$6$x:20784:0:99999:7:::\n";
  const AccountDates dates = ResetAccountDates(content, {}, kDays);
  EXPECT_THAT(dates.changed, ElementsAre("c"));
  EXPECT_THAT(dates.expiring, ElementsAre("a", "b"));
  EXPECT_EQ(dates.content.substr(0, 46), content.substr(0, 46));
}

TEST(AccountDatesTest, WhatIsNoAccountStaysAsItIs) {
  for (const std::string content : {"", "\n\n", "# 20784\n", "a:b:20784\n", "a:b:20784x:0:99999:7:::\n",
                                    "a:b::0:99999:7:::\n", "a:b:-20784:0:99999:7:::\n",
                                    "a:b:20784:0:99999:7::::\n", "a:b:99999999999999999999:0:99999:7:::\n"}) {
    const AccountDates dates = ResetAccountDates(content, {}, kDays);
    EXPECT_EQ(dates.content, content);
    EXPECT_THAT(dates.changed, IsEmpty()) << content;
  }
}

TEST(AccountDatesTest, LinesHaveNoLineFeeds) {
  EXPECT_THAT(LinesOf("a\n\nb"), ElementsAre("a", "b"));
  EXPECT_THAT(LinesOf(""), IsEmpty());
}

// The clock that a replica's programs are shown is days later: they write that day.
TEST(AccountDatesTest, TheDayOfAShiftedClockIsTheStepsDay) {
  AccountDays days = kDays;
  days.shift = 3;
  EXPECT_EQ(ResetAccountDates("a:!:20787:0:99999:7:::\n", {}, days).content, "a:!:19700:0:99999:7:::\n");
  EXPECT_EQ(ResetAccountDates("a:!:20784:0:99999:7:::\n", {}, days).content, "a:!:19700:0:99999:7:::\n");
  EXPECT_EQ(ResetAccountDates("a:!:20786:0:99999:7:::\n", {}, days).content, "a:!:20786:0:99999:7:::\n");
}

}  // namespace
}  // namespace crossmill::worker
