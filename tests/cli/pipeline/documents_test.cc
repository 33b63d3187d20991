#include <gtest/gtest.h>

#include "cli/pipeline/code_quality.h"
#include "cli/pipeline/findings.h"
#include "cli/pipeline/junit.h"
#include "cli/pipeline/metadata.h"
#include "cli/pipeline/pipeline_files.h"
#include "cli/pipeline/sarif.h"
#include "cli/pipeline/summary.h"
#include "common/base/files.h"
#include "tests/cli/pipeline/pipeline_sample.h"
#include "tests/support/golden.h"
#include "tests/support/status_matchers.h"

namespace crossmill::cli {
namespace {

constexpr char kFolder[] = CROSSMILL_GOLDEN_FOLDER "/cli/pipeline";

size_t CountOf(const std::string& text, const std::string& piece) {
  size_t count = 0;
  for (size_t at = text.find(piece); at != std::string::npos; at = text.find(piece, at + 1)) ++count;
  return count;
}

TEST(PipelineDocumentsTest, Junit) {
  ExpectGolden(kFolder, "build.junit.xml", JunitDocument(SampleRun()));
  ExpectGolden(kFolder, "matrix.junit.xml", JunitDocument(SampleMatrixRun()));
  ExpectGolden(kFolder, "incomplete.junit.xml", JunitDocument(IncompleteRun()));
}

TEST(PipelineDocumentsTest, JunitCountsWhatItHas) {
  const std::string xml = JunitDocument(SampleMatrixRun());
  const std::string head = xml.substr(0, xml.find(">", xml.find("<testsuites")));
  EXPECT_NE(head.find("tests=\"" + std::to_string(CountOf(xml, "<testcase ")) + "\""), std::string::npos)
      << head;
  EXPECT_NE(head.find("failures=\"" + std::to_string(CountOf(xml, "<failure ")) + "\""), std::string::npos)
      << head;
  EXPECT_NE(head.find("skipped=\"" + std::to_string(CountOf(xml, "<skipped ")) + "\""), std::string::npos)
      << head;
}

TEST(PipelineDocumentsTest, AVerdictIsACase) {
  const auto verdict_of = [](v1::Verdict verdict, uint32_t hosts, Requirement requirement) {
    PipelineRun run = SampleRun();
    run.requirement = requirement;
    v1::BuildView& build = run.builds[0].build;
    build.mutable_cells()->DeleteSubrange(0, 1);
    build.mutable_cells(0)->mutable_comparison()->set_verdict(verdict);
    build.mutable_cells(0)->mutable_comparison()->set_hosts(hosts);
    const std::string xml = JunitDocument(run);
    const size_t begin = xml.find("name=\"verdict\"");
    return begin == std::string::npos ? "none" : xml.substr(begin, xml.find("</testsuite>", begin) - begin);
  };
  EXPECT_EQ(verdict_of(v1::VERDICT_REPRODUCIBLE, 2, {true, 2}), "name=\"verdict\" time=\"0.000\"/>\n  ");
  EXPECT_NE(verdict_of(v1::VERDICT_REPRODUCIBLE, 1, {true, 2}).find("failure type=\"too-few-hosts\""),
            std::string::npos);
  EXPECT_NE(verdict_of(v1::VERDICT_INCONCLUSIVE, 2, {true, 0}).find("<failure"), std::string::npos);
  EXPECT_NE(verdict_of(v1::VERDICT_INCONCLUSIVE, 2, {false, 0}).find("<skipped"), std::string::npos);
  EXPECT_NE(verdict_of(v1::VERDICT_FLAKY, 2, {false, 0}).find("failure type=\"flaky\""), std::string::npos);
}

TEST(PipelineDocumentsTest, Sarif) {
  ExpectGolden(kFolder, "matrix.sarif", WriteJsonPretty(SarifDocument(SampleMatrixRun(), nullptr)) + "\n");
  const Json incomplete = SarifDocument(IncompleteRun(), nullptr);
  EXPECT_EQ(incomplete["runs"][0]["invocations"][0]["executionSuccessful"], false);
  EXPECT_EQ(incomplete["runs"][0]["results"][0]["ruleId"], "incomplete");
}

TEST(PipelineDocumentsTest, SarifGoesOnFromAChecksDocument) {
  Json check = SarifDocument(PipelineRun(), nullptr);
  check["runs"][0]["tool"]["driver"]["rules"] = Json::array({{{"id", "Own"}}});
  check["runs"][0]["results"] = Json::array({{{"ruleId", "Own"}, {"ruleIndex", 0}}});
  const Json document = SarifDocument(SampleMatrixRun(), check);
  const Json& run = document["runs"][0];
  EXPECT_EQ(run["results"][0]["ruleId"], "Own");
  for (const Json& result : run["results"])
    EXPECT_EQ(run["tool"]["driver"]["rules"][result["ruleIndex"].get<size_t>()]["id"], result["ruleId"]);
}

TEST(PipelineDocumentsTest, CodeQuality) {
  ExpectGolden(kFolder, "matrix.code-quality.json",
               WriteJsonPretty(CodeQualityDocument(SampleMatrixRun(), nullptr)) + "\n");
}

TEST(PipelineDocumentsTest, Metadata) {
  ExpectGolden(kFolder, "build.metadata.json", WriteJsonPretty(MetadataDocument(SampleRun())) + "\n");
  ExpectGolden(kFolder, "matrix.metadata.json", WriteJsonPretty(MetadataDocument(SampleMatrixRun())) + "\n");
  ExpectGolden(kFolder, "incomplete.metadata.json",
               WriteJsonPretty(MetadataDocument(IncompleteRun())) + "\n");
}

TEST(PipelineDocumentsTest, Summary) {
  ExpectGolden(kFolder, "build.md", SummaryDocument(SampleRun()));
  ExpectGolden(kFolder, "matrix.md", SummaryDocument(SampleMatrixRun()));
  ExpectGolden(kFolder, "incomplete.md", SummaryDocument(IncompleteRun()));
}

TEST(PipelineDocumentsTest, NoTextIsMarkup) {
  EXPECT_EQ(MarkdownText("a_b"), "a&#95;b");
  const std::string text = MarkdownText(kHostile);
  EXPECT_EQ(text.find_first_of("<>`|*@[]"), std::string::npos) << text;
  // The console's own fence does not end the block.
  const std::string summary = SummaryDocument(SampleMatrixRun());
  EXPECT_NE(summary.find("  `````text\n"), std::string::npos) << summary;
  EXPECT_EQ(summary.find("\n````\n"), std::string::npos);
}

TEST(PipelineDocumentsTest, ASummaryHasAnEnd) {
  PipelineRun run = SampleMatrixRun();
  BuildReport failed = run.builds[1];
  failed.failures[0].last_lines.assign(100, std::string(1000, 'x'));
  run.builds.assign(300, failed);
  EXPECT_LT(SummaryDocument(run).size(), 600'000u);
}

TEST(PipelineDocumentsTest, FingerprintsStayWhenLinesMove) {
  PipelineRun run = SampleMatrixRun();
  const auto before = FindingsOf(run);
  v1::SourceRange& range = *run.builds[1].build.mutable_stages(0)->mutable_steps(1)->mutable_range();
  range.set_first_line(40);
  range.set_last_line(41);
  run.builds[1].build.set_id(99);
  const auto after = FindingsOf(run);
  ASSERT_EQ(before.size(), after.size());
  for (size_t i = 0; i < before.size(); ++i) EXPECT_EQ(FingerprintOf(before[i]), FingerprintOf(after[i]));
}

TEST(PipelineFilesTest, AllAreTriedAndTheFirstErrorIsTold) {
  const auto folder = TemporaryFolder::Create();
  ASSERT_OK(folder);
  PipelineFiles files({.junit = folder->Path("none/r.xml"),
                       .metadata = folder->Path("m.json"),
                       .sarif = "",
                       .code_quality = "",
                       .summary = folder->Path("s.md")});
  const absl::Status written = files.Write(SampleRun());
  EXPECT_NE(written.message().find("r.xml"), absl::string_view::npos) << written;
  EXPECT_EQ(*ReadFile(folder->Path("s.md"), 1 << 20), SummaryDocument(SampleRun()));
  EXPECT_TRUE(ReadFile(folder->Path("m.json"), 1 << 20).ok());
}

}  // namespace
}  // namespace crossmill::cli
