#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/show/csv.h"
#include "cli/show/package_json.h"
#include "cli/show/render_package_history.h"
#include "tests/cli/sample_build.h"
#include "tests/support/golden.h"

namespace crossmill::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr int64_t kHour = 3'600'000'000'000;

v1::PackageHistoryResponse SampleHistory() {
  v1::PackageHistoryResponse history;
  const auto add = [&](int64_t hours, const std::string& version, v1::Outcome outcome, double seconds,
                       bool emulated) {
    v1::PackageHistoryRow& row = *history.add_rows();
    row.set_finished_at(kSampleStart - hours * kHour);
    row.set_build_id(20 - hours);
    *row.mutable_platform() = SamplePlatform("arm64");
    row.set_worker("w1");
    row.set_step_number(4);
    row.set_execution(100 - hours);
    *row.mutable_package() =
        SamplePackage("arm64", 0, "numpy", version, outcome, seconds, "cp311-cp311-linux_aarch64").package();
    row.mutable_package()->set_emulated(emulated);
    return &row;
  };
  v1::OtherWay& native = *add(1, "1.26.4", v1::OUTCOME_SOURCE, 310, true)->mutable_other_way();
  native.set_seconds(40);
  native.set_build_id(18);
  native.set_execution(98);
  v1::OtherWay& emulated = *add(2, "1.26.4", v1::OUTCOME_SOURCE, 40, false)->mutable_other_way();
  emulated.set_seconds(310);
  emulated.set_build_id(19);
  emulated.set_execution(99);
  add(3, "1.26.4", v1::OUTCOME_SOURCE, 39, false)->set_replica(1);
  v1::PackageHistoryRow& failed = *add(5, "1.26.4", v1::OUTCOME_FAILED, 12, false);
  failed.mutable_package()->set_failure_class("header");
  v1::PackageHistoryRow& old = *add(6, "1.26.3", v1::OUTCOME_WHEEL, -1, false);
  old.mutable_package()->set_scope("build-dep");
  old.clear_platform();
  history.set_more(true);
  return history;
}

v1::CompiledPackagesResponse SampleCompiled() {
  v1::CompiledPackagesResponse compiled;
  v1::CompiledPackage& numpy = *compiled.add_rows();
  numpy.set_name("numpy");
  numpy.set_version("1.26.4");
  *numpy.mutable_platform() = SamplePlatform("arm64");
  numpy.set_times(4);
  numpy.set_timed(3);
  numpy.set_seconds(389);
  numpy.set_emulated(1);
  numpy.set_emulated_timed(1);
  numpy.set_emulated_seconds(310);
  numpy.set_replicas(1);
  numpy.set_build_dependencies(1);
  numpy.set_failed(1);
  numpy.set_failed_seconds(12);
  numpy.set_last_finished_at(kSampleStart - kHour);
  numpy.set_last_build_id(19);
  v1::CompiledPackage& never = *compiled.add_rows();
  never.set_name("pyfoo");
  *never.mutable_platform() = SamplePlatform("amd64");
  never.set_failed(2);
  never.set_last_finished_at(kSampleStart - kHour);
  never.set_last_build_id(18);
  compiled.set_releases(2);
  compiled.set_times(4);
  compiled.set_seconds(389);
  compiled.set_failed(3);
  compiled.set_failed_seconds(12);
  return compiled;
}

v1::PackageUsesResponse SampleUses() {
  v1::PackageUsesResponse uses;
  for (int64_t build = 12; build > 9; --build) {
    v1::PackageUse& use = *uses.add_rows();
    use.set_build_id(build);
    use.set_executed_by(build == 12 ? 11 : build);
    use.set_status(build == 10 ? v1::BUILD_STATUS_FAILED : v1::BUILD_STATUS_SUCCEEDED);
    use.set_submitted_at(kSampleStart - (13 - build) * kHour);
    use.set_finished_at(use.submitted_at() + 1);
    use.set_recipe("example/service:1." + std::to_string(build));
    *use.mutable_platform() = SamplePlatform("amd64");
    use.set_stage_name("builder");
    use.set_step_number(4);
    use.set_execution(100 + use.executed_by());
    *use.mutable_package() = SamplePackage("amd64", 0, "numpy", "1.26.4", v1::OUTCOME_WHEEL, 2.1, "cp311",
                                           build == 10 ? "build-dep" : "runtime")
                                 .package();
  }
  return uses;
}

TEST(PackageHistoryTest, Tables) {
  ExpectGolden(kCliGoldens, "package-history.txt",
               RenderHistory("numpy", SampleHistory(), kSampleStart, {160, false}));
  ExpectGolden(kCliGoldens, "package-compiled.txt",
               RenderCompiled(SampleCompiled(), kSampleStart, {160, false}));
  ExpectGolden(kCliGoldens, "package-uses.txt",
               RenderUses("numpy", SampleUses(), kSampleStart, {160, false}));
}

TEST(PackageHistoryTest, Documents) {
  const Json documents = {{"history", HistoryJson(SampleHistory())},
                          {"compiled", CompiledJson(SampleCompiled())},
                          {"uses", UsesJson(SampleUses())}};
  ExpectGolden(kCliGoldens, "package-questions.json", documents.dump(2) + "\n");
}

TEST(PackageHistoryTest, ARatioNeedsASecondOfNativeTime) {
  v1::PackageOutcome package;
  package.set_seconds(0.9);
  v1::OtherWay other;
  other.set_seconds(9);
  EXPECT_LT(EmulationRatio(package, other), 0);
  package.set_seconds(1);
  EXPECT_EQ(EmulationRatio(package, other), 9);
  package.set_emulated(true);
  package.set_seconds(40);
  other.set_seconds(4);
  EXPECT_EQ(EmulationRatio(package, other), 10);
}

TEST(PackageChangesTextTest, EachKindIsTold) {
  BuildReport report;
  v1::EarlierBuild& earlier = report.earlier.emplace_back();
  *earlier.mutable_platform() = SamplePlatform("amd64");
  earlier.set_build_id(11);
  earlier.set_other_arguments(true);
  const auto text = [&](v1::PackageChange::Kind kind, v1::Outcome before, v1::Outcome now) {
    v1::PackageChange change;
    *change.mutable_platform() = SamplePlatform("amd64");
    change.set_name("a");
    change.set_scope("runtime");
    change.set_kind(kind);
    change.set_build_before(11);
    change.set_version(kind == v1::PackageChange::KIND_GONE ? "" : "2");
    change.set_version_before(kind == v1::PackageChange::KIND_NEW ? "" : "1");
    change.set_outcome(now);
    change.set_outcome_before(before);
    change.set_seconds(20);
    change.set_seconds_before(8);
    report.changes = {change};
    return RenderPackageChanges(report, {200, false});
  };
  using Change = v1::PackageChange;
  EXPECT_THAT(text(Change::KIND_NEW, {}, v1::OUTCOME_WHEEL), HasSubstr("  a 2: new  linux/amd64\n"));
  EXPECT_THAT(text(Change::KIND_GONE, v1::OUTCOME_WHEEL, {}), HasSubstr("  a 1: gone  linux/amd64\n"));
  EXPECT_THAT(text(Change::KIND_VERSION, v1::OUTCOME_WHEEL, v1::OUTCOME_WHEEL),
              HasSubstr("  a 1 → 2  linux/amd64\n"));
  EXPECT_THAT(
      text(Change::KIND_NO_LONGER_WHEEL, v1::OUTCOME_WHEEL, v1::OUTCOME_SOURCE),
      HasSubstr("  warning: a 2: was a wheel in build 11 (1), is compiled now (20.0s)  linux/amd64\n"));
  EXPECT_THAT(text(Change::KIND_NO_LONGER_WHEEL, v1::OUTCOME_WHEEL, v1::OUTCOME_SOURCE_CACHED),
              HasSubstr("(1), comes from a wheel that was compiled earlier now  linux"));
  EXPECT_THAT(text(Change::KIND_NO_LONGER_WHEEL, v1::OUTCOME_WHEEL, v1::OUTCOME_FAILED),
              HasSubstr("failed to compile now (20.0s)"));
  EXPECT_THAT(text(Change::KIND_NOW_WHEEL, v1::OUTCOME_SOURCE, v1::OUTCOME_WHEEL),
              HasSubstr("  a 1 → 2: was source in build 11, is wheel now"));
  EXPECT_THAT(text(Change::KIND_SLOWER, v1::OUTCOME_SOURCE, v1::OUTCOME_SOURCE),
              HasSubstr("compiled in 20.0s, in build 11 in 8.0s"));
  EXPECT_THAT(text(Change::KIND_NEW, {}, v1::OUTCOME_WHEEL), HasSubstr("which had other build arguments"));
}

TEST(PackageChangesTextTest, ALongListIsCutAndNothingIsNothing) {
  BuildReport report;
  report.build.set_id(12);
  EXPECT_EQ(RenderPackageChanges(report, {}), "");
  report.earlier.emplace_back().set_build_id(11);
  EXPECT_EQ(RenderPackageChanges(report, {}), "");
  for (int i = 0; i < 40; ++i) {
    v1::PackageChange& change = report.changes.emplace_back();
    change.set_name("p\x1b[31m" + std::to_string(i));
    change.set_kind(v1::PackageChange::KIND_NEW);
  }
  const std::string text = RenderPackageChanges(report, {100, false});
  EXPECT_THAT(text, HasSubstr("and 10 more: crossmill show 12 --json"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
}

TEST(CsvTest, ColumnsAreMembersAlsoOfMembers) {
  const Json rows = Json::parse(R"([{"a": "x,\"y\"", "b": {"c": 1.5}, "d": [1, "two"], "e": true, "f": null},
                                    {"a": "=1", "b": null, "e": false}])");
  EXPECT_EQ(CsvOfRows(rows, {"a", "b.c", "d", "e", "f"}),
            "a,b_c,d,e,f\r\n\"x,\"\"y\"\"\",1.5,1 two,yes,\r\n'=1,,,no,\r\n");
  EXPECT_EQ(CsvOfRows(Json::array(), {"a"}), "a\r\n");
}

}  // namespace
}  // namespace crossmill::cli
