#include "coordinator/core/package_changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/status.h"
#include "common/words/platform.h"

namespace crossmill::core {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Change = v1::PackageChange;

struct GivenPackage {
  std::string name;
  std::string version = "1.0";
  v1::Outcome outcome = v1::OUTCOME_WHEEL;
  double seconds = 1;
  int64_t execution = 0;
  std::string scope = "runtime";
  std::string platform = "linux/amd64";
  bool emulated = false;
};

// Without an execution each side has one of its own.
std::vector<PlacedPackage> Placed(const std::vector<GivenPackage>& given, int64_t execution) {
  std::vector<PlacedPackage> placed;
  for (const GivenPackage& each : given) {
    PlacedPackage package;
    package.platform = *ParsePlatform(each.platform);
    package.execution = each.execution == 0 ? execution : each.execution;
    package.outcome.set_name(each.name);
    package.outcome.set_version(each.version);
    package.outcome.set_outcome(each.outcome);
    package.outcome.set_seconds(each.seconds);
    package.outcome.set_scope(each.scope);
    package.outcome.set_emulated(each.emulated);
    placed.push_back(std::move(package));
  }
  return placed;
}

std::string KindText(Change::Kind kind) {
  std::string text = Change::Kind_Name(kind);
  return text.substr(std::string("KIND_").size());
}

// "NAME KIND".
std::vector<std::string> Changes(const std::vector<GivenPackage>& before,
                                 const std::vector<GivenPackage>& now, bool complete = true) {
  std::vector<std::string> changes;
  for (const v1::PackageChange& change : ComparePackages(Placed(before, 1), Placed(now, 2), 11, complete)) {
    EXPECT_EQ(change.build_before(), 11);
    changes.push_back(change.name() + " " + KindText(change.kind()));
  }
  return changes;
}

v1::PackageChange TheChange(const std::vector<GivenPackage>& before, const std::vector<GivenPackage>& now) {
  const auto changes = ComparePackages(Placed(before, 1), Placed(now, 2), 11, true);
  EXPECT_EQ(changes.size(), 1u);
  return changes.empty() ? v1::PackageChange() : changes.front();
}

TEST(PackageChangesTest, AWheelThatIsCompiledNow) {
  const v1::PackageChange change =
      TheChange({{"a", "1.0", v1::OUTCOME_WHEEL, 0.5}}, {{"a", "1.1", v1::OUTCOME_SOURCE, 40}});
  EXPECT_EQ(change.kind(), Change::KIND_NO_LONGER_WHEEL);
  EXPECT_EQ(change.version_before(), "1.0");
  EXPECT_EQ(change.version(), "1.1");
  EXPECT_EQ(change.outcome_before(), v1::OUTCOME_WHEEL);
  EXPECT_EQ(change.outcome(), v1::OUTCOME_SOURCE);
  EXPECT_EQ(change.seconds(), 40);
  EXPECT_EQ(change.seconds_before(), 0.5);
  EXPECT_EQ(FormatPlatform(change.platform()), "linux/amd64");
}

struct Row {
  const char* what;
  v1::Outcome before;
  v1::Outcome now;
  double seconds;
  std::vector<std::string> expected;
};

TEST(PackageChangesTest, HowItArrives) {
  const Row kRows[] = {
      {"the same", v1::OUTCOME_WHEEL, v1::OUTCOME_WHEEL, 1, {}},
      {"compiled", v1::OUTCOME_WHEEL, v1::OUTCOME_SOURCE, 1, {"a NO_LONGER_WHEEL"}},
      {"compiled in an unknown time", v1::OUTCOME_WHEEL, v1::OUTCOME_SOURCE, -1, {"a NO_LONGER_WHEEL"}},
      {"compiled earlier", v1::OUTCOME_WHEEL, v1::OUTCOME_SOURCE_CACHED, 1, {"a NO_LONGER_WHEEL"}},
      {"failed while compiled", v1::OUTCOME_WHEEL, v1::OUTCOME_FAILED, 1, {"a NO_LONGER_WHEEL"}},
      {"not found", v1::OUTCOME_WHEEL, v1::OUTCOME_FAILED, -1, {"a OUTCOME"}},
      {"a wheel again", v1::OUTCOME_SOURCE, v1::OUTCOME_WHEEL, 1, {"a NOW_WHEEL"}},
      {"a wheel after a cached one", v1::OUTCOME_SOURCE_CACHED, v1::OUTCOME_WHEEL, 1, {"a NOW_WHEEL"}},
      {"it failed before", v1::OUTCOME_FAILED, v1::OUTCOME_WHEEL, 1, {"a OUTCOME"}},
      {"from a repository", v1::OUTCOME_WHEEL, v1::OUTCOME_VCS, 1, {"a OUTCOME"}},
      {"from the cache", v1::OUTCOME_SOURCE, v1::OUTCOME_SOURCE_CACHED, 1, {"a OUTCOME"}},
      {"nobody knows now", v1::OUTCOME_WHEEL, v1::OUTCOME_UNKNOWN, 1, {}},
      {"nobody knew before", v1::OUTCOME_UNKNOWN, v1::OUTCOME_SOURCE, 1, {}},
      {"nobody saw", v1::OUTCOME_BYPASSED, v1::OUTCOME_WHEEL, 1, {}},
  };
  for (const Row& row : kRows) {
    EXPECT_EQ(Changes({{"a", "1.0", row.before}}, {{"a", "1.0", row.now, row.seconds}}), row.expected)
        << row.what;
  }
}

TEST(PackageChangesTest, NewGoneAndOtherVersions) {
  EXPECT_THAT(Changes({{"a"}, {"b"}, {"d", "1"}}, {{"a"}, {"c"}, {"d", "2"}}),
              ElementsAre("c NEW", "b GONE", "d VERSION"));
  const v1::PackageChange gone = TheChange({{"b", "3"}}, {});
  EXPECT_EQ(gone.version_before(), "3");
  EXPECT_EQ(gone.version(), "");
  EXPECT_EQ(gone.outcome(), v1::OUTCOME_UNSPECIFIED);
  EXPECT_LT(gone.seconds(), 0);
}

TEST(PackageChangesTest, OfABuildThatIsNotCompleteNothingIsGone) {
  EXPECT_THAT(Changes({{"a"}, {"b"}}, {{"a", "2.0"}}, false), ElementsAre("a VERSION"));
}

TEST(PackageChangesTest, AFailureIsNotANewPackage) {
  EXPECT_THAT(Changes({}, {{"a", "1.0", v1::OUTCOME_FAILED, 3}}), IsEmpty());
}

TEST(PackageChangesTest, WhatComesFromOneExecutionHasNotChanged) {
  EXPECT_THAT(Changes({{"a", "1", v1::OUTCOME_WHEEL, 1, 7}}, {{"a", "2", v1::OUTCOME_SOURCE, 1, 7}}),
              IsEmpty());
}

TEST(PackageChangesTest, PlatformsAreComparedEach) {
  const GivenPackage amd{"a", "1.0"};
  const GivenPackage arm{"a", "1.0", v1::OUTCOME_WHEEL, 1, 0, "runtime", "linux/arm64"};
  const GivenPackage arm_source{"a", "1.0", v1::OUTCOME_SOURCE, 30, 0, "runtime", "linux/arm64"};
  const auto changes = ComparePackages(Placed({amd, arm}, 1), Placed({amd, arm_source}, 2), 11, true);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(FormatPlatform(changes[0].platform()), "linux/arm64");
}

TEST(PackageChangesTest, SeveralOfOneNameAreComparedTogether) {
  // Two environments; one of them has another version now.
  const v1::PackageChange change = TheChange({{"a", "1.0"}, {"a", "1.0"}}, {{"a", "1.0"}, {"a", "1.1"}});
  EXPECT_EQ(change.kind(), Change::KIND_VERSION);
  EXPECT_EQ(change.version_before(), "1.0");
  EXPECT_EQ(change.version(), "1.0, 1.1");
  // One of them is compiled now.
  EXPECT_THAT(Changes({{"a"}, {"a"}}, {{"a"}, {"a", "1.0", v1::OUTCOME_SOURCE, 9}}),
              ElementsAre("a NO_LONGER_WHEEL"));
  // One of them was compiled before: nobody knows which is which.
  EXPECT_THAT(Changes({{"a"}, {"a", "1.0", v1::OUTCOME_SOURCE}}, {{"a"}, {"a", "1.0", v1::OUTCOME_SOURCE}}),
              IsEmpty());
}

TEST(PackageChangesTest, BuildDependenciesComeAndGoInSilence) {
  const auto dependency = [](const std::string& name, const std::string& version,
                             v1::Outcome outcome = v1::OUTCOME_WHEEL) {
    return GivenPackage{name, version, outcome, 1, 0, "build-dep"};
  };
  EXPECT_THAT(Changes({dependency("a", "1")}, {dependency("b", "1")}), IsEmpty());
  EXPECT_THAT(Changes({dependency("a", "1")}, {dependency("a", "2")}), ElementsAre("a VERSION"));
  EXPECT_THAT(Changes({dependency("a", "1")}, {dependency("a", "1", v1::OUTCOME_SOURCE)}),
              ElementsAre("a NO_LONGER_WHEEL"));
  // A build dependency is no runtime package.
  EXPECT_THAT(Changes({dependency("a", "1")}, {{"a", "1"}}), ElementsAre("a NEW"));
}

TEST(PackageChangesTest, SlowerIsTwiceAndFiveSecondsOfTheSameKind) {
  const auto slower = [](double before, double now, bool emulated_before = false, bool emulated = false) {
    return Changes({{"a", "1.0", v1::OUTCOME_SOURCE, before, 0, "runtime", "linux/amd64", emulated_before}},
                   {{"a", "1.0", v1::OUTCOME_SOURCE, now, 0, "runtime", "linux/amd64", emulated}});
  };
  EXPECT_THAT(slower(10, 20), ElementsAre("a SLOWER"));
  EXPECT_THAT(slower(10, 20, true, true), ElementsAre("a SLOWER"));
  EXPECT_THAT(slower(10, 19.9), IsEmpty());
  EXPECT_THAT(slower(1, 5), IsEmpty());
  EXPECT_THAT(slower(10, 90, false, true), IsEmpty());
  EXPECT_THAT(slower(-1, 90), IsEmpty());
  EXPECT_THAT(slower(10, -1), IsEmpty());
}

TEST(PackageChangesTest, WhatIsNoLongerAWheelComesFirst) {
  EXPECT_THAT(Changes({{"a", "1"}, {"z", "1"}}, {{"a", "2"}, {"b"}, {"z", "1", v1::OUTCOME_SOURCE}}),
              ElementsAre("z NO_LONGER_WHEEL", "b NEW", "a VERSION"));
}

}  // namespace
}  // namespace crossmill::core
