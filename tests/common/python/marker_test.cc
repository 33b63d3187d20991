// Markers against the golden table of `packaging`, in five environments.
#include "common/python/marker.h"

#include <gtest/gtest.h>

#include "common/base/json.h"
#include "tests/common/python/golden_table.h"

namespace crossmill::python {
namespace {

std::string Answer(const Marker& marker, const MarkerEnvironment& environment) {
  const auto holds = marker.Evaluate(environment);
  return !holds.ok() ? "E" : *holds ? "T" : "F";
}

TEST(MarkerTest, MarkersHoldWherePackagingSays) {
  std::vector<MarkerEnvironment> environments;
  size_t evaluations = 0;
  for (const std::string& line : GoldenLines("markers.txt")) {
    if (line.starts_with("{")) {
      const auto json = ParseJson(line);
      ASSERT_OK(json);
      MarkerEnvironment environment;
      for (const auto& [name, value] : json->items()) environment[name] = value.get<std::string>();
      environments.push_back(std::move(environment));
      continue;
    }
    if (line.empty()) continue;
    const std::vector<std::string> row = absl::StrSplit(line, absl::MaxSplits('\t', 2));
    SCOPED_TRACE(row[2]);
    const auto marker = Marker::Parse(row[2]);
    // Escapes by number are refused; packaging reads them.
    if (row[0] == "-" || row[2].find("\\x") != row[2].npos) {
      EXPECT_EQ(marker.status().code(), absl::StatusCode::kInvalidArgument);
      continue;
    }
    ASSERT_OK(marker);
    std::string answers;
    for (const MarkerEnvironment& environment : environments) answers += Answer(*marker, environment);
    EXPECT_EQ(answers, row[0]);
    evaluations += environments.size();
    const auto again = Marker::Parse(marker->Text());
    ASSERT_OK(again);
    EXPECT_EQ(again->Text(), marker->Text());
    for (size_t i = 0; i < environments.size(); ++i) {
      EXPECT_EQ(Answer(*again, environments[i]), answers.substr(i, 1));
    }
  }
  EXPECT_GE(evaluations, 4000u);
}

TEST(MarkerTest, ErrorsNameTheColumn) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "column 1: expected a variable or a text in quotes, not the end"},
      {"foo == '1'", "column 1: expected a variable or a text in quotes, not 'foo == '1''"},
      {"os_name", "column 8: expected one of <=, <, !=, ==, >=, >, ~=, ===, in, not in, not the end"},
      {"os_name == 'a", "column 12: the text has no closing quote"},
      {"os_name not 'a'", "column 13: expected ' in' after 'not'"},
      {"(os_name == 'a'", "column 16: expected ')' for the '(' in column 1, not the end"},
      {"os_name == 'a' x", "column 16: expected 'and', 'or' or the end of the marker, not 'x'"},
      {"os_name == '\\x41'", "column 12: an escape that cannot be read in a text"},
  };
  for (const auto& [text, message] : cases)
    EXPECT_EQ(Marker::Parse(text).status().message(), message) << text;
}

TEST(MarkerTest, EvaluationErrorsSayWhatIsMissing) {
  const auto evaluate = [](const char* text) {
    const auto marker = Marker::Parse(text);
    EXPECT_OK(marker);
    return marker->Evaluate({{"os_name", "posix"}}).status();
  };
  EXPECT_EQ(evaluate("sys_platform == 'linux'").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(evaluate("sys_platform == 'linux'").message(), "the environment has no 'sys_platform'");
  EXPECT_EQ(evaluate("os_name ~= 'posix'").message(), "'~=' has no meaning between 'posix' and 'posix'");
  EXPECT_EQ(evaluate("'a' == 'b'").message(), "neither side of '\"a\" == \"b\"' is a variable");
  // Without extras none is asked for.
  EXPECT_OK(evaluate("extra == 'test'"));
}

TEST(MarkerTest, TextHasOnlyTheParenthesesThatAreNeeded) {
  const auto marker =
      Marker::Parse("((os_name=='a') or os_name=='b')and(extra=='X.y' and (os_name in 'say \"c\"'))");
  ASSERT_OK(marker);
  EXPECT_EQ(marker->Text(),
            "(os_name == \"a\" or os_name == \"b\") and extra == \"x-y\" and os_name in 'say \"c\"'");
}

}  // namespace
}  // namespace crossmill::python
