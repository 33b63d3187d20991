#include "common/index/pip_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/base/subprocess.h"
#include "tests/support/status_matchers.h"

namespace crossmill::index {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

RunProgram Printing(const std::string& text) {
  return [text](const std::vector<std::string>&) -> absl::StatusOr<std::string> { return text; };
}

TEST(PipSettingsTest, AnswersAreRead) {
  const auto settings = AskPip(Printing(
      R"({"index":"https://u:p@index.example/simple","extra":["https://b.example/"],"none":false})"));
  ASSERT_OK(settings);
  EXPECT_THAT(settings->indexes, ElementsAre("https://u:p@index.example/simple", "https://b.example/"));
  const auto none = AskPip(Printing(R"({"index":"https://index.example/","extra":[],"none":true})"));
  ASSERT_OK(none);
  EXPECT_THAT(none->indexes, ElementsAre());
}

TEST(PipSettingsTest, WithoutAnAnswerTheFlagIsNamed) {
  for (const char* text : {"", "no json", "[]", "{}", R"({"index":1,"extra":[]})"}) {
    const auto settings = AskPip(Printing(text));
    EXPECT_TRUE(absl::IsNotFound(settings.status())) << text;
    EXPECT_THAT(std::string(settings.status().message()), HasSubstr("--index-url"));
  }
  const auto failed =
      AskPip([](const auto&) -> absl::StatusOr<std::string> { return absl::NotFoundError("no python3"); });
  EXPECT_THAT(std::string(failed.status().message()), HasSubstr("no python3"));
}

// This machine's real pip, with settings of the test's.
class RealPipTest : public ::testing::Test {
 protected:
  absl::StatusOr<PipSettings> Ask(const std::map<std::string, std::string>& variables) {
    return AskPip([&](const std::vector<std::string>& words) -> absl::StatusOr<std::string> {
      ProcessOptions options;
      options.argv = {"/usr/bin/env", "-i", "PATH=/usr/bin:/bin", "HOME=" + folder_.path()};
      for (const auto& [name, value] : variables) options.argv.push_back(name + "=" + value);
      options.argv.insert(options.argv.end(), words.begin(), words.end());
      options.working_folder = folder_.path();
      std::string printed;
      options.on_output = [&](OutputStream stream, std::string_view bytes) {
        if (stream == OutputStream::kStdout) printed += bytes;
      };
      ASSIGN_OR_RETURN(const ProcessResult result, RunProcess(options));
      if (result.exit_code != 0) return absl::NotFoundError("python3 has no pip");
      return printed;
    });
  }
  void SetUp() override {
    if (!Ask({}).ok()) GTEST_SKIP() << "this machine has no pip";
  }
  const TemporaryFolder folder_ = *TemporaryFolder::Create();
};

TEST_F(RealPipTest, ModulesOfTheCurrentFolderAreNotRun) {
  std::ofstream(folder_.Path("json.py")) << "raise SystemExit('run by ' + __file__)\n";
  EXPECT_OK(Ask({{"PIP_CONFIG_FILE", "/dev/null"}}));
}

TEST_F(RealPipTest, VariablesBeatFilesAndThereIsADefault) {
  const std::string file = folder_.Path("pip.conf");
  std::ofstream(file)
      << "[global]\nindex-url = https://file.example/simple\nextra-index-url =\n    https://one.example/\n"
         "    https://two.example/\n[install]\nindex-url = https://install.example/simple\n";
  const auto own = Ask({{"PIP_CONFIG_FILE", "/dev/null"}});
  ASSERT_OK(own);
  ASSERT_EQ(own->indexes.size(), 1u);
  EXPECT_THAT(own->indexes[0], HasSubstr("://")) << "pip's own default";
  const auto from_file = Ask({{"PIP_CONFIG_FILE", file}});
  ASSERT_OK(from_file);
  EXPECT_THAT(from_file->indexes,
              ElementsAre("https://install.example/simple", "https://one.example/", "https://two.example/"));
  const auto from_variable = Ask({{"PIP_CONFIG_FILE", file}, {"PIP_INDEX_URL", "https://variable.example/"}});
  ASSERT_OK(from_variable);
  EXPECT_EQ(from_variable->indexes.at(0), "https://variable.example/");
  EXPECT_THAT(Ask({{"PIP_CONFIG_FILE", "/dev/null"}, {"PIP_NO_INDEX", "1"}})->indexes, ElementsAre());
}

}  // namespace
}  // namespace crossmill::index
