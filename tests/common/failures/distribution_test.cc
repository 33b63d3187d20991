#include "common/failures/distribution.h"

#include <gtest/gtest.h>

namespace crossmill::failures {
namespace {

TEST(DistributionTest, ReleasesAreNumbers) {
  EXPECT_EQ(ParseRelease("12"), (Release{12}));
  EXPECT_EQ(ParseRelease("22.04"), (Release{22, 4}));
  EXPECT_EQ(ParseRelease("3.20.1_alpha"), (Release{3, 20, 1}));
  EXPECT_EQ(ParseRelease(""), Release());
  EXPECT_EQ(ParseRelease("rolling"), Release());
  EXPECT_EQ(ParseRelease("99999999999999999999"), Release());
}

TEST(DistributionTest, RangesHoldEveryReleaseThatBeginsWithABound) {
  const struct {
    const char* range;
    const char* release;
    bool contained;
  } kCases[] = {
      {"12", "12", true},          {"12", "12.5", true},           {"12", "13", false},
      {"12..", "11", false},       {"12..", "99", true},           {"..12", "12.9", true},
      {"..12", "13", false},       {"3.18..3.20", "3.19.4", true}, {"..3.19", "3.19.7", true},
      {"24.10..", "24.04", false}, {"24.10..", "24.10", true},     {"12", "", false},
      {"..12", "", false},
  };
  for (const auto& test : kCases) {
    const auto range = ReleaseRange::Parse(test.range);
    ASSERT_TRUE(range) << test.range;
    EXPECT_EQ(range->Contains(ParseRelease(test.release)), test.contained)
        << test.range << " " << test.release;
  }
  for (const char* wrong : {"", "..", "a", "12..x", "1.", ".1", "1..2..3", "-1", "12 "}) {
    EXPECT_FALSE(ReleaseRange::Parse(wrong)) << wrong;
  }
}

TEST(DistributionTest, TheImagesWordsAreBelievedOnlyAsIds) {
  v1::RootFacts root;
  EXPECT_FALSE(Distribution::Of(root).known());
  root.set_distribution("../../x");
  EXPECT_FALSE(Distribution::Of(root).known());
  root.set_distribution("rocky");
  root.set_release("9.3");
  root.add_like("rhel");
  root.add_like("$(x)");
  EXPECT_EQ(Distribution::Of(root).id, "rhel");
  EXPECT_EQ(Distribution::Of(root).like, std::vector<std::string>{"rhel"});
  EXPECT_EQ(Distribution::Of(root).Name(), "Rocky 9.3");
  root.set_distribution("ubuntu");
  root.set_release("22.04");
  EXPECT_EQ(Distribution::Of(root).Name(), "Ubuntu 22.04");
}

}  // namespace
}  // namespace crossmill::failures
