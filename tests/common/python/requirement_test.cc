// Requirements against the golden list of `packaging`, and what errors say.
#include "common/python/requirement.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "common/base/json.h"
#include "tests/common/python/golden_table.h"

namespace crossmill::python {
namespace {

TEST(RequirementTest, WhatIsOneAndWhatNotIsAsInPackaging) {
  int read = 0;
  int refused = 0;
  for (const std::string& line : GoldenLines("requirements.jsonl")) {
    const auto expected = ParseJson(line);
    ASSERT_OK(expected);
    const std::string text = expected->at("text").get<std::string>();
    SCOPED_TRACE(text);
    const auto requirement = Requirement::Parse(text);
    if (!expected->contains("name")) {
      EXPECT_EQ(requirement.status().code(), absl::StatusCode::kInvalidArgument);
      EXPECT_EQ(Sv(requirement.status().message()).substr(0, 7), "column ");
      ++refused;
      continue;
    }
    ASSERT_OK(requirement);
    ++read;
    EXPECT_EQ(requirement->name, expected->at("name").get<std::string>());
    std::vector<std::string> extras = requirement->extras;
    std::sort(extras.begin(), extras.end());
    EXPECT_EQ(Json(extras), expected->at("extras"));
    EXPECT_EQ(requirement->url, expected->at("url").get<std::string>());
    std::vector<std::string> clauses;
    for (const Specifier& clause : requirement->specifier.clauses()) clauses.push_back(clause.text());
    std::sort(clauses.begin(), clauses.end());
    EXPECT_EQ(Json(clauses), expected->at("specifier"));
    EXPECT_EQ(requirement->marker.has_value(), expected->at("marker") != "");
  }
  EXPECT_GE(read, 40);
  EXPECT_GE(refused, 40);
}

TEST(RequirementTest, ErrorsNameTheColumnAndWhatWasExpected) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "column 1: expected the name of a package, not the end"},
      {"-e .", "column 1: expected the name of a package, not '-e .'"},
      {"name 1.0", "column 6: expected '[', '@', a version specifier, ';' or the end, not '1.0'"},
      {"name=1.0", "column 5: '=1.0' does not begin with ==, !=, ~=, <=, >=, <, > or ==="},
      {"name>=1.0 <2",
       "column 11: expected ',' within the version specifier, ';' or the end after it, not '<2'"},
      {"name>=1.0,<2.*", "column 11: '<2.*': .* can only follow == and !="},
      {"name[a", "column 7: expected ',' or ']' for the '[' in column 5, not the end"},
      {"name[a,]", "column 8: expected the name of an extra after ',', not ']'"},
      {"name(>=1", "column 9: expected ',' or ')' for the '(' in column 5, not the end"},
      {"name @", "column 7: expected a URL after '@'"},
      {"name @ https://files.example/a b", "column 32: expected ';' or the end after the URL, not 'b'"},
      {"name; os_name = 'a'",
       "column 15: expected one of <=, <, !=, ==, >=, >, ~=, ===, in, not in, not '= 'a''"},
  };
  for (const auto& [text, message] : cases)
    EXPECT_EQ(Requirement::Parse(text).status().message(), message) << text;
}

TEST(RequirementTest, NamesEndWithALetterOrDigit) {
  // packaging lets "name_" pass, PEP 508 does not.
  EXPECT_FALSE(Requirement::Parse("name_").ok());
  EXPECT_TRUE(Requirement::Parse("na__me").ok());
}

TEST(RequirementTest, AppliesIfTheMarkerHoldsForOneExtra) {
  const auto requirement = Requirement::Parse("name ; extra == 'test' and python_version >= '3.9'");
  ASSERT_OK(requirement);
  const MarkerEnvironment environment = {{"python_version", "3.11"}};
  EXPECT_FALSE(*requirement->Applies(environment));
  EXPECT_TRUE(*requirement->Applies(environment, {"docs", "Test"}));
  EXPECT_FALSE(*requirement->Applies(environment, {"docs"}));
  EXPECT_FALSE(*requirement->Applies({{"python_version", "3.8"}}, {"test"}));
  EXPECT_EQ(requirement->Applies({}, {"test"}).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace crossmill::python
