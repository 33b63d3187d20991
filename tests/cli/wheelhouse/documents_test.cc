// What a wheelhouse writes and prints, from one record.
#include <gtest/gtest.h>

#include "cli/wheelhouse/index_pages.h"
#include "cli/wheelhouse/lock_file.h"
#include "cli/wheelhouse/matrix.h"
#include "cli/wheelhouse/record_json.h"
#include "tests/cli/wheelhouse/wheelhouse_sample.h"
#include "tests/support/golden.h"
#include "tests/support/status_matchers.h"

namespace crossmill::cli {
namespace {

constexpr char kGoldens[] = CROSSMILL_GOLDEN_FOLDER "/cli/wheelhouse";

TargetRecord ConcludedSample() {
  TargetRecord record = SampleRecord();
  Conclude(&record);
  return record;
}

TEST(WheelhouseDocumentsTest, LockOfAnIncompleteTargetHasAPackageWithoutDigest) {
  const TargetRecord record = ConcludedSample();
  EXPECT_EQ(record.status, TargetRecord::Status::kIncomplete);
  ExpectGolden(kGoldens, "requirements.lock", LockFile(record));
}

TEST(WheelhouseDocumentsTest, Matrix) {
  TargetRecord unsolved;
  unsolved.target = SampleTarget("arm64");
  unsolved.plan.failure = {"No matching distribution found for ready==9"};
  Conclude(&unsolved);
  const std::vector<TargetRecord> records = {ConcludedSample(), unsolved};
  ExpectGolden(kGoldens, "matrix.txt", RenderMatrix(records, {120, false}));
  ExpectGolden(kGoldens, "matrix.csv", MatrixCsv(records));
  ExpectGolden(kGoldens, "matrix.json", WriteJsonPretty(MatrixJson(records)) + "\n");
  ExpectGolden(kGoldens, "build-order.json", WriteJsonPretty(BuildOrderJson(records)) + "\n");
}

TEST(WheelhouseDocumentsTest, PagesNameDigestAndPython) {
  const std::vector<IndexedWheel> wheels = WheelsOf(ConcludedSample());
  const auto address = [](const IndexedWheel& wheel) { return "../../" + wheel.file.name; };
  const auto html = ProjectPages(python::IndexForm::kHtml, wheels, address);
  ASSERT_EQ(html.size(), 3u);
  ExpectGolden(kGoldens, "ready.html", html.at("ready"));
  ExpectGolden(kGoldens, "simple.html", RootPage(python::IndexForm::kHtml, wheels));
  // The farm's own reader finds what was written.
  const auto read =
      python::ReadIndex(python::IndexForm::kJson,
                        ProjectPages(python::IndexForm::kJson, wheels,
                                     [](const IndexedWheel& wheel) { return "/x/" + wheel.file.name; })
                            .at("ready"),
                        "http://127.0.0.1:1/simple/ready/");
  ASSERT_OK(read);
  ASSERT_EQ(read->files.size(), 1u);
  EXPECT_EQ(read->files[0].url, "http://127.0.0.1:1/x/ready-1.0-py3-none-any.whl");
  EXPECT_EQ(read->files[0].hashes[0].digest, std::string(64, 'c'));
  EXPECT_EQ(read->files[0].requires_python, ">=3.8,<4");
}

TEST(WheelhouseDocumentsTest, RecordKeepsOtherTargetsAndListsWheels) {
  const std::vector<TargetRecord> first = {ConcludedSample()};
  const Json before = WheelhouseJson(first, {}, Json());
  ExpectGolden(kGoldens, "wheelhouse.json", WriteJsonPretty(before) + "\n");
  std::vector<TargetRecord> second = {ConcludedSample()};
  second[0].target = SampleTarget("arm64");
  const auto both = ReadWheelhouseJson(WriteJson(WheelhouseJson(second, {}, before)));
  ASSERT_OK(both);
  ASSERT_EQ((*both)["targets"].size(), 2u);
  const std::vector<IndexedWheel> wheels = ListedWheels(*both);
  ASSERT_EQ(wheels.size(), 6u);
  EXPECT_EQ(wheels[0].folder, "linux-arm64-cp311");
  EXPECT_EQ(wheels[3].folder, "linux-amd64-cp311");
  EXPECT_EQ(wheels[3].file.sha256, std::string(64, 'a'));
}

TEST(WheelhouseDocumentsTest, HostileRecordNamesNothingOutside) {
  EXPECT_FALSE(ReadWheelhouseJson("{}").ok());
  EXPECT_FALSE(ReadWheelhouseJson("[1]").ok());
  Json document = WheelhouseJson({}, {}, Json());
  const std::string digest = "sha256:" + std::string(64, 'a');
  const auto target = [&](const char* folder, const char* file) {
    return Json{
        {"target", folder},
        {"packages", {{{"name", "x"}, {"files", {{{"file_name", file}, {"digest", digest}}, 7}}}, "text"}}};
  };
  document["targets"] = {target("..", "x-1-py3-none-any.whl"), target("a/b", "x-1-py3-none-any.whl"),
                         target("ok", "../x-1-py3-none-any.whl"), target("ok", "y-1-py3-none-any.whl"), 3};
  EXPECT_TRUE(ListedWheels(document).empty());
  document["targets"] = Json::array({target("ok", "x-1-py3-none-any.whl")});
  EXPECT_EQ(ListedWheels(document).size(), 1u);
}

}  // namespace
}  // namespace crossmill::cli
