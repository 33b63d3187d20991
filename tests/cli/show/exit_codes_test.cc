#include "cli/show/exit_codes.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_replace.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "tests/support/status_matchers.h"

namespace crossmill::cli {
namespace {

// The rows of the table below "## Exit codes", without marks of code.
std::string DocumentedCodes(const std::string& file) {
  const auto text = ReadFile(CROSSMILL_SOURCE_FOLDER "/" + file);
  EXPECT_OK(text);
  const std::string_view heading = "## Exit codes\n";
  const size_t begin = text->find(heading);
  EXPECT_NE(begin, std::string::npos) << file;
  const size_t end = text->find("\n## ", begin);
  std::string rows;
  for (size_t at = text->find("\n| ", begin); at < end; at = text->find("\n| ", at + 1))
    rows += text->substr(at + 1, text->find('\n', at + 1) - at);
  return absl::StrReplaceAll(rows, {{"`", ""}});
}

TEST(ExitCodesTest, DocumentsSayWhatTheCodeSays) {
  std::string expected = "| code | meaning |\n";
  for (const ExitCodeMeaning& row : ExitCodeMeanings())
    expected += fmt::format("| {} | {} |\n", static_cast<int>(row.code), row.meaning);
  for (const char* file : {"README.md", "docs/cli.md"}) EXPECT_EQ(DocumentedCodes(file), expected) << file;
}

TEST(ExitCodesTest, HelpHasALineForEach) {
  const std::string help = ExitCodeHelp();
  EXPECT_EQ(help.substr(0, help.find('\n', 12)), "Exit codes:\n  0    ok");
  for (const ExitCodeMeaning& row : ExitCodeMeanings())
    EXPECT_NE(help.find(fmt::format("  {:<5}{}", static_cast<int>(row.code), row.meaning)),
              std::string::npos);
}

TEST(ExitCodesTest, EveryErrorHasOneOfThem) {
  for (int code = 0; code <= 16; ++code) {
    const int exit = ExitCodeOf(absl::Status(static_cast<absl::StatusCode>(code), "x"));
    bool known = false;
    for (const ExitCodeMeaning& row : ExitCodeMeanings()) known = known || row.code == exit;
    EXPECT_TRUE(known) << code;
  }
}

TEST(ExitCodesTest, BuiltIsOkUnlessAVerdictIsRequired) {
  v1::BuildView build;
  build.set_status(v1::BUILD_STATUS_RUNNING);
  EXPECT_EQ(ExitCodeOf(build, false), kExitInfrastructure);
  v1::CellView& cell = *build.add_cells();
  cell.set_status(v1::BUILD_STATUS_RUNNING);
  EXPECT_EQ(ExitCodeOf(build, false), kExitInfrastructure) << "nothing is done";
  cell.set_seconds(1.5);
  EXPECT_EQ(ExitCodeOf(build, false), kExitOk);
  EXPECT_EQ(ExitCodeOf(build, true), kExitInconclusive);
  *build.add_cells() = cell;
  build.mutable_cells(1)->set_status(v1::BUILD_STATUS_FAILED);
  EXPECT_EQ(ExitCodeOf(build, false), kExitInfrastructure) << "another platform is not built";
}

v1::CellView CellOnHosts(v1::Verdict verdict, uint32_t hosts, uint32_t executions) {
  v1::CellView cell;
  cell.set_status(v1::BUILD_STATUS_SUCCEEDED);
  cell.mutable_comparison()->set_verdict(verdict);
  cell.mutable_comparison()->set_hosts(hosts);
  cell.mutable_comparison()->set_executions(executions);
  return cell;
}

TEST(ExitCodesTest, AVerdictOnTooFewHostsHasItsOwn) {
  const auto code = [](std::initializer_list<v1::CellView> cells, uint32_t min_hosts) {
    v1::BuildView build;
    build.set_status(v1::BUILD_STATUS_SUCCEEDED);
    for (const v1::CellView& cell : cells) *build.add_cells() = cell;
    return ExitCodeOf(build, Requirement{true, min_hosts});
  };
  const v1::CellView two = CellOnHosts(v1::VERDICT_REPRODUCIBLE, 2, 2);
  const v1::CellView one = CellOnHosts(v1::VERDICT_REPRODUCIBLE, 1, 2);
  EXPECT_EQ(code({two}, 2), kExitOk);
  EXPECT_EQ(code({two}, 3), kExitTooFewHosts);
  EXPECT_EQ(code({two, one}, 2), kExitTooFewHosts) << "the weakest platform decides";
  EXPECT_EQ(code({two, one}, 0), kExitOk) << "nobody asked";
  EXPECT_EQ(code({one}, 1), kExitOk);
  EXPECT_EQ(code({CellOnHosts(v1::VERDICT_INCONCLUSIVE, 1, 1)}, 2), kExitTooFewHosts);
  EXPECT_EQ(code({CellOnHosts(v1::VERDICT_INCONCLUSIVE, 2, 2)}, 2), kExitInconclusive)
      << "for another reason";
  EXPECT_EQ(code({CellOnHosts(v1::VERDICT_UNREPRODUCIBLE, 1, 2)}, 2), kExitNotReproducible);
  EXPECT_EQ(code({CellOnHosts(v1::VERDICT_REPRODUCIBLE, 0, 0)}, 2), kExitOk) << "the image is its base";
}

TEST(ExitCodesTest, OfSeveralTheGravestIsTheCommands) {
  EXPECT_EQ(GravestExit(std::vector<int>{0, 0}), kExitOk);
  EXPECT_EQ(GravestExit(std::vector<int>{0, 6, 8}), kExitTooFewHosts);
  EXPECT_EQ(GravestExit(std::vector<int>{3, 130, 0}), kExitCancelled);
  EXPECT_EQ(GravestExit(std::vector<int>{130, 124, 5}), kExitInfrastructure);
  EXPECT_EQ(GravestExit(std::vector<int>{5, 1, 3}), kExitBuildFailed);
}

}  // namespace
}  // namespace crossmill::cli
