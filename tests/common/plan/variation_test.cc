#include "common/plan/variation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/words/words.h"

namespace crossmill::plan {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<v1::Aspect> Asked(const v1::Vary& vary) {
  std::vector<v1::Aspect> aspects;
  for (const int aspect : vary.aspects()) aspects.push_back(static_cast<v1::Aspect>(aspect));
  return aspects;
}

TEST(VariationTest, WithoutAWishItIsTheStandardSet) {
  v1::BuildOptions options;
  const std::vector<v1::Aspect> standard = AspectsOf(options);
  EXPECT_THAT(standard,
              testing::IsSupersetOf({v1::ASPECT_CLOCK, v1::ASPECT_HOST_NAME, v1::ASPECT_PROCESSORS}));
  const auto vary = ParseVary("standard");
  ASSERT_TRUE(vary.ok());
  EXPECT_EQ(Asked(*vary), standard);
  for (const v1::Aspect aspect : standard) EXPECT_TRUE(ParseVary(Word(aspect)).ok()) << Word(aspect);
}

TEST(VariationTest, NoneIsAWish) {
  v1::BuildOptions options;
  *options.mutable_vary() = ParseVary("none").value();
  EXPECT_THAT(AspectsOf(options), IsEmpty());
}

TEST(VariationTest, SomeAreAskedForEachOnceAndInTheProtocolsOrder) {
  v1::BuildOptions options;
  *options.mutable_vary() = ParseVary("processors,clock,processors").value();
  EXPECT_EQ(options.vary().aspects_size(), 2);
  EXPECT_THAT(AspectsOf(options), ElementsAre(v1::ASPECT_CLOCK, v1::ASPECT_PROCESSORS));
  EXPECT_EQ(Asked(ParseVary("clock,standard").value()), AspectsOf({}));
}

TEST(VariationTest, FurtherOnesAreAskedForByNameOrAllAtOnce) {
  v1::BuildOptions options;
  *options.mutable_vary() = ParseVary("time-zone,process-ids").value();
  EXPECT_THAT(AspectsOf(options), ElementsAre(v1::ASPECT_PROCESS_IDS, v1::ASPECT_TIME_ZONE));
  *options.mutable_vary() = ParseVary("all").value();
  const std::vector<v1::Aspect> all = AspectsOf(options);
  EXPECT_EQ(Asked(options.vary()), all);
  EXPECT_THAT(all, testing::IsSupersetOf(AspectsOf({})));
  EXPECT_THAT(all, testing::IsSupersetOf({v1::ASPECT_ENVIRONMENT, v1::ASPECT_LOCALE, v1::ASPECT_SEARCH_PATH,
                                          v1::ASPECT_TIME_ZONE, v1::ASPECT_PROCESS_IDS}));
  EXPECT_THAT(AspectsOf({}), testing::Not(testing::Contains(v1::ASPECT_TIME_ZONE)));
  for (const v1::Aspect aspect : all) EXPECT_TRUE(ParseVary(Word(aspect)).ok()) << Word(aspect);
}

// From a client that is newer or lies: it is no claim that anything differed.
TEST(VariationTest, WhatNobodyCanGiveIsLeftOut) {
  v1::BuildOptions options;
  options.mutable_vary()->add_aspects(v1::ASPECT_KERNEL);
  options.mutable_vary()->add_aspects(static_cast<v1::Aspect>(4711));
  EXPECT_THAT(AspectsOf(options), IsEmpty());
}

TEST(VariationTest, BadWishesSayWhatIsWrong) {
  const auto why = [](std::string_view text) { return ParseVary(text).status().ToString(); };
  EXPECT_THAT(why("none,clock"), HasSubstr("--vary none,clock: 'none' stands alone"));
  EXPECT_THAT(why("moon"), HasSubstr("there is no 'moon'; there are standard, all, none, clock, host-name"));
  EXPECT_THAT(why("clock,"), HasSubstr("there is no ''"));
  EXPECT_THAT(why(""), HasSubstr("there is no ''"));
  EXPECT_THAT(why("kernel"), HasSubstr("there is no 'kernel'"));
}

}  // namespace
}  // namespace crossmill::plan
