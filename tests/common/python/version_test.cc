// Versions against the golden table of `packaging`: normal forms, and every pair of them compared.
#include "common/python/version.h"

#include <gtest/gtest.h>

#include "tests/common/python/golden_table.h"

namespace crossmill::python {
namespace {

TEST(VersionTest, NormalFormsAndErrorsAreThoseOfPackaging) {
  int valid = 0;
  int refused = 0;
  for (const auto& row : GoldenTable("versions.txt")) {
    SCOPED_TRACE(row[1]);
    const auto version = Version::Parse(row[1]);
    if (row[0] == "-") {
      EXPECT_EQ(version.status().code(), absl::StatusCode::kInvalidArgument);
      ++refused;
      continue;
    }
    ASSERT_OK(version);
    EXPECT_EQ(version->Text(), row[2]);
    EXPECT_EQ(version->IsPrerelease(), row[3] == "pre");
    // The normal form is a version that is equal to it.
    const auto again = Version::Parse(version->Text());
    ASSERT_OK(again);
    EXPECT_TRUE(*again == *version);
    EXPECT_EQ(again->Text(), version->Text());
    ++valid;
  }
  EXPECT_GE(valid, 600);
  EXPECT_GE(refused, 35);
}

TEST(VersionTest, EveryPairIsOrderedAsInPackaging) {
  std::vector<std::pair<int, Version>> versions;
  for (const auto& row : GoldenTable("versions.txt")) {
    if (row[0] == "-" || row[0] == "?") continue;
    const auto version = Version::Parse(row[1]);
    ASSERT_OK(version);
    versions.emplace_back(std::stoi(row[0]), *version);
  }
  int wrong = 0;
  for (const auto& [rank, version] : versions) {
    for (const auto& [other_rank, other] : versions) {
      const auto order = version <=> other;
      const bool right = rank < other_rank ? order < 0 : rank > other_rank ? order > 0 : order == 0;
      if (!right && ++wrong < 10) ADD_FAILURE() << version.Text() << " and " << other.Text();
    }
  }
  EXPECT_EQ(wrong, 0);
}

TEST(VersionTest, LegacyVersionsAreRefusedByName) {
  for (const char* text : {"2004d", "1.0-final", "dev-r1", "1.0.x"}) {
    EXPECT_EQ(Version::Parse(text).status().message(), fmt::format("'{}' is not a version (PEP 440)", text));
  }
}

TEST(VersionTest, NumbersOfAnySizeAreCompared) {
  const Number small("18446744073709551615");
  const Number large("18446744073709551616");
  EXPECT_LT(small, large);
  EXPECT_EQ(Number("000"), Number());
  EXPECT_EQ(Number("007").digits(), "7");
}

TEST(VersionTest, PublicComparisonPassesOverLocalParts) {
  const auto plain = Version::Parse("1.0");
  const auto local = Version::Parse("1.0.0+cpu");
  ASSERT_OK(plain);
  ASSERT_OK(local);
  EXPECT_TRUE(ComparePublic(*plain, *local) == 0);
  EXPECT_TRUE(*plain < *local);
}

}  // namespace
}  // namespace crossmill::python
