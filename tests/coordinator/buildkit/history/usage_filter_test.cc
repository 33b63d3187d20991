// What `buildx du --filter` means.
#include "coordinator/buildkit/history/usage_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace crossmill::coordinator::buildkit {
namespace {

bool Passes(const std::vector<std::string>& texts, bool in_use = true) {
  bk::UsageRecord record;
  record.set_id("layers");
  record.set_recordtype("regular");
  record.set_description("layers of steps");
  record.set_inuse(in_use);
  const auto filter = UsageFilter::Parse(texts);
  EXPECT_OK(filter.status());
  return filter.ok() && filter->Matches(record);
}

TEST(UsageFilterTest, FieldsAreComparedAsBuildKitHasThem) {
  EXPECT_TRUE(Passes({}));
  EXPECT_TRUE(Passes({""}));
  EXPECT_TRUE(Passes({"type==regular"}));
  EXPECT_TRUE(Passes({"type==\"regular\""}));
  EXPECT_FALSE(Passes({"type==exec.cachemount"}));
  EXPECT_TRUE(Passes({"type!=exec.cachemount"}));
  EXPECT_TRUE(Passes({"id~=^lay"}));
  EXPECT_FALSE(Passes({"id~=^ay"}));
  EXPECT_FALSE(Passes({"parents"}));
  EXPECT_TRUE(Passes({"description"}));
}

TEST(UsageFilterTest, WhatIsSoHasNoValue) {
  EXPECT_TRUE(Passes({"inuse"}));
  EXPECT_FALSE(Passes({"inuse"}, false));
  EXPECT_FALSE(Passes({"inuse==true"}));
  EXPECT_TRUE(Passes({"immutable,private"}));
  EXPECT_FALSE(Passes({"mutable"}));
  EXPECT_FALSE(Passes({"shared"}));
}

TEST(UsageFilterTest, ConditionsOfOneTextHoldAllAndOfSeveralTextsOne) {
  EXPECT_FALSE(Passes({"type==regular,mutable"}));
  EXPECT_TRUE(Passes({"mutable", "type==regular"}));
}

TEST(UsageFilterTest, WhatMeansNothingIsNamed) {
  for (const std::string text : {"size==1", "type=regular", "id~=(", "==", "type", "inuse!"}) {
    const auto filter = UsageFilter::Parse({text});
    if (text == "type") {
      EXPECT_OK(filter.status());
      continue;
    }
    EXPECT_TRUE(absl::IsInvalidArgument(filter.status())) << text;
    EXPECT_THAT(std::string(filter.status().message()), ::testing::HasSubstr("filter " + text));
  }
  EXPECT_TRUE(absl::IsInvalidArgument(UsageFilter::Parse(std::vector<std::string>(101, "inuse")).status()));
}

}  // namespace
}  // namespace crossmill::coordinator::buildkit
