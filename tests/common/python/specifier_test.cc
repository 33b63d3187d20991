// Specifiers against the golden table of `packaging`: what each set contains of some 200 versions, and what
// is left with each rule for pre-releases.
#include "common/python/specifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/common/python/golden_table.h"

namespace crossmill::python {
namespace {

// A hexadecimal number with one bit for each version, the first the highest.
std::vector<bool> BitsOf(const std::string& hex, size_t count) {
  std::vector<bool> bits(count);
  for (size_t i = 0; i < hex.size() * 4 && i < count; ++i) {
    const std::string digit(1, hex[hex.size() - 1 - i / 4]);
    bits[count - 1 - i] = (std::stoi(digit, nullptr, 16) >> (i % 4) & 1) != 0;
  }
  return bits;
}

TEST(SpecifierTest, SetsContainWhatPackagingSays) {
  auto table = GoldenTable("specifiers.txt");
  std::vector<Version> versions;
  for (const std::string& text : table[0]) {
    const auto version = Version::Parse(text);
    ASSERT_OK(version);
    versions.push_back(*version);
  }
  std::vector<const Version*> pointers;
  for (const Version& version : versions) pointers.push_back(&version);
  table.erase(table.begin());
  size_t pairs = 0;
  for (const auto& row : table) {
    SCOPED_TRACE(row[0]);
    const auto set = SpecifierSet::Parse(row[0]);
    if (row[1] == "-" && row.size() == 2) {
      EXPECT_EQ(set.status().code(), absl::StatusCode::kInvalidArgument);
      continue;
    }
    ASSERT_OK(set);
    EXPECT_EQ(set->ImpliesPrereleases(), row[1] == "pre");
    const std::optional<bool> rules[] = {true, std::nullopt, false};
    for (size_t rule = 0; rule < 3; ++rule) {
      std::vector<bool> found(versions.size());
      for (const size_t index : set->Filter(pointers, rules[rule])) found[index] = true;
      const std::vector<bool> expected = BitsOf(row[2 + rule], versions.size());
      for (size_t i = 0; i < versions.size(); ++i) {
        EXPECT_EQ(found[i], expected[i]) << versions[i].Text() << ", rule " << rule;
      }
      pairs += versions.size();
    }
    const auto again = SpecifierSet::Parse(set->Text());
    ASSERT_OK(again);
    EXPECT_EQ(again->Text(), set->Text());
  }
  EXPECT_GE(pairs, 100'000u);
}

TEST(SpecifierTest, ErrorsSayWhatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"1.0", "'1.0' does not begin with ==, !=, ~=, <=, >=, <, > or ==="},
      {">=", "no version after '>='"},
      {">=1.0.*", "'>=1.0.*': .* can only follow == and !="},
      {"==1.0a1.*", "'==1.0a1.*': .* can only follow the numbers of a release"},
      {"<1.0+cpu", "'<1.0+cpu': a local version can only follow == and !="},
      {"~=1", "'~=1': ~= needs at least two numbers"},
      {"==one", "'one' is not a version (PEP 440)"},
  };
  for (const auto& [text, message] : cases) EXPECT_EQ(SpecifierSet::Parse(text).status().message(), message);
}

TEST(SpecifierTest, OnlyWholeVersionsPin) {
  const std::pair<const char*, bool> cases[] = {{"==1.0", true},  {"===1.0", true}, {"==1.0,>0", true},
                                                {"==1.*", false}, {">=1.0", false}, {"", false},
                                                {"!=1.0", false}, {"~=1.0", false}};
  for (const auto& [text, pinned] : cases) {
    const auto set = SpecifierSet::Parse(text);
    ASSERT_OK(set);
    EXPECT_EQ(set->IsPinned(), pinned) << text;
  }
}

TEST(SpecifierTest, TextsThatAreNoVersionsAreOnlyInArbitraryEquality) {
  const auto arbitrary = Specifier::Parse("===6.1-amd64");
  const auto ordinary = Specifier::Parse(">=6.1");
  ASSERT_OK(arbitrary);
  ASSERT_OK(ordinary);
  EXPECT_TRUE(arbitrary->ContainsText("6.1-AMD64"));
  EXPECT_FALSE(arbitrary->ContainsText("6.1"));
  EXPECT_FALSE(ordinary->ContainsText("6.1-amd64"));
  EXPECT_TRUE(ordinary->ContainsText("6.2"));
}

}  // namespace
}  // namespace crossmill::python
