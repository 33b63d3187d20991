// Whole Dockerfiles with everything that is found in them: tests/golden/check/CASE. Those called good-* must
// have nothing worse than notes.
#include "tests/support/golden.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "common/base/files.h"
#include "tests/common/check/check_fixture.h"

namespace crossmill::check {
namespace {

std::vector<std::string> Cases() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(CROSSMILL_GOLDEN_FOLDER "/check"))
    names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

std::string Rendered(const CheckReport& report) {
  std::string text;
  for (const Finding& finding : report.findings) {
    text += fmt::format("{}:{}-{}:{} {} {}: {}\n", finding.line, finding.column, finding.end_line,
                        finding.end_column, Word(finding.severity), finding.rule, finding.message);
    if (!finding.fix.empty()) text += fmt::format("    fix: {}\n", finding.fix);
    std::string_view rest = finding.replacement;
    while (!rest.empty()) {
      text += fmt::format("    + {}\n", rest.substr(0, rest.find('\n')));
      rest = rest.find('\n') == std::string_view::npos ? "" : rest.substr(rest.find('\n') + 1);
    }
  }
  return text;
}

class CheckGoldenTest : public testing::TestWithParam<std::string> {};

TEST_P(CheckGoldenTest, FindingsAreAsStored) {
  const std::string folder = CROSSMILL_GOLDEN_FOLDER "/check/" + GetParam();
  const auto text = ReadFile(folder + "/Dockerfile");
  ASSERT_TRUE(text.ok());
  Case given;
  given.dockerfile = *text;
  const CheckReport report = Check(given);
  if (GetParam().starts_with("good-")) {
    for (const Finding& finding : report.findings) {
      EXPECT_EQ(finding.severity, Severity::kInfo) << finding.rule << " in line " << finding.line;
    }
  }
  ExpectGolden(folder, "findings.txt", Rendered(report));
}

INSTANTIATE_TEST_SUITE_P(All, CheckGoldenTest, testing::ValuesIn(Cases()), [](const auto& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

// Whatever a file holds, checking it ends, and places lie in the file.
TEST(CheckAnythingTest, DockerfilesOfOtherTestsAreChecked) {
  int checked = 0;
  for (const char* root : {CROSSMILL_GOLDEN_FOLDER "/dockerfiles", CROSSMILL_GOLDEN_FOLDER "/plans",
                           CROSSMILL_SOURCE_FOLDER "/examples"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
      if (!entry.is_regular_file() || entry.path().filename() != "Dockerfile") continue;
      const auto text = ReadFile(entry.path());
      ASSERT_TRUE(text.ok());
      Case given;
      given.dockerfile = *text;
      const auto lines = static_cast<uint32_t>(std::count(text->begin(), text->end(), '\n') + 1);
      for (const Finding& finding : Check(given).findings) {
        EXPECT_LE(finding.line, lines) << entry.path() << " " << finding.rule;
        EXPECT_LE(finding.line, finding.end_line) << entry.path() << " " << finding.rule;
        if (finding.line == finding.end_line && finding.end_column > 0) {
          EXPECT_LT(finding.column, finding.end_column) << entry.path() << " " << finding.rule;
        }
      }
      ++checked;
    }
  }
  EXPECT_GT(checked, 40);
}

}  // namespace
}  // namespace crossmill::check
