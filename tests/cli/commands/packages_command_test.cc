#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/words/platform.h"
#include "tests/cli/commands_fixture.h"

namespace crossmill::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class PackagesCommandTest : public CommandsTest {
 protected:
  PackagesCommandTest() {
    coordinator_.package_changes = SampleReport().changes;
    coordinator_.earlier_builds = SampleReport().earlier;
    v1::PackageHistoryRow& row = *coordinator_.history.add_rows();
    row.set_build_id(12);
    row.set_finished_at(kSampleStart);
    row.mutable_package()->set_name("numpy");
    row.mutable_package()->set_version("=1.0");
    row.mutable_package()->set_outcome(v1::OUTCOME_WHEEL);
    row.mutable_package()->set_seconds(-1);
    v1::CompiledPackage& compiled = *coordinator_.compiled.add_rows();
    compiled.set_name("numpy");
    compiled.set_times(2);
    coordinator_.compiled.set_releases(1);
    coordinator_.uses.add_rows()->set_build_id(9);
  }
  int64_t Ago(absl::Duration duration) { return UnixNanos(env_.clock().Now() - duration); }
};

TEST_F(PackagesCommandTest, OfABuildWithWhatChanged) {
  EXPECT_EQ(Run({"packages"}), 0);
  EXPECT_THAT(env_.out,
              HasSubstr("warning: psycopg2 2.9.9: was a wheel in build 11 (2.9.8), is compiled now"));
  EXPECT_THAT(env_.out, HasSubstr("numpy 1.26.3 → 1.26.4  linux/amd64, linux/arm64"));
  EXPECT_EQ(Run({"packages", "--platform", "amd64"}), 0);
  EXPECT_THAT(env_.out, Not(HasSubstr("was a wheel in build 11")));
  EXPECT_THAT(env_.out, HasSubstr("numpy 1.26.3 → 1.26.4  linux/amd64\n"));
  EXPECT_EQ(Run({"packages", "--json"}), 0);
  EXPECT_EQ(OutJson()[6]["changes"], Json::array({"no-longer-wheel"}));
  EXPECT_EQ(OutJson()[2]["changes"], Json::array());
  EXPECT_EQ(OutJson()[6]["other_way"]["build"], 7);
  EXPECT_EQ(OutJson()[2]["other_way"], nullptr);
  EXPECT_EQ(Run({"show", "--json"}), 0);
  EXPECT_EQ(OutJson()["package_changes"].size(), 3u);
  EXPECT_EQ(OutJson()["earlier_builds"][0]["build"], 11);
}

TEST_F(PackagesCommandTest, CsvHasTheMembersOfJson) {
  EXPECT_EQ(Run({"packages", "--csv"}), 0);
  EXPECT_THAT(env_.out, StartsWith("platform,stage,stage_name,step,name,version,outcome,"));
  EXPECT_THAT(env_.out, HasSubstr(",other_way_ratio,changes\r\n"));
  EXPECT_THAT(env_.out, HasSubstr("console layer"));
  EXPECT_THAT(env_.out, HasSubstr(",no-longer-wheel\r\n"));
  const std::vector<std::vector<std::string>> questions = {
      {"--history", "numpy"}, {"--compiled"}, {"--uses", "numpy"}};
  for (std::vector<std::string> question : questions) {
    question.insert(question.begin(), "packages");
    question.push_back("--json");
    EXPECT_EQ(Run(question), 0);
    const Json row = OutJson()["rows"][0];
    question.back() = "--csv";
    EXPECT_EQ(Run(question), 0);
    const std::string heading = env_.out.substr(0, env_.out.find("\r\n"));
    size_t columns = 1;
    for (const char c : heading) columns += c == ',' ? 1 : 0;
    // What JSON has as one member other_way are its five members here.
    EXPECT_EQ(columns, row.size() + (row.contains("other_way") ? 4 : 0)) << heading;
    for (const auto& [name, value] : row.items()) EXPECT_THAT(heading, HasSubstr(name));
  }
  // A spreadsheet would take it for a formula.
  EXPECT_EQ(Run({"packages", "--history", "numpy", "--csv"}), 0);
  EXPECT_THAT(env_.out, HasSubstr(",'=1.0,"));
}

TEST_F(PackagesCommandTest, WhatIsAskedArrives) {
  EXPECT_EQ(Run({"packages", "--history", "numpy", "--platform", "aarch64", "--since", "30d", "-n", "7"}), 0);
  EXPECT_EQ(coordinator_.asked_history.name(), "numpy");
  EXPECT_EQ(FormatPlatform(coordinator_.asked_history.platform()), "linux/arm64");
  EXPECT_EQ(coordinator_.asked_history.since(), Ago(absl::Hours(24 * 30)));
  EXPECT_EQ(coordinator_.asked_history.limit(), 7);
  EXPECT_EQ(Run({"packages", "--compiled", "--by", "last"}), 0);
  EXPECT_EQ(coordinator_.asked_compiled.order(), v1::CompiledPackagesRequest::ORDER_LAST);
  EXPECT_FALSE(coordinator_.asked_compiled.has_platform());
  EXPECT_EQ(coordinator_.asked_compiled.since(), 0);
  EXPECT_EQ(coordinator_.asked_compiled.limit(), 50);
  EXPECT_EQ(Run({"packages", "--uses", "numpy<2", "--since", "2023-05-01"}), 0);
  EXPECT_EQ(coordinator_.asked_uses.requirement(), "numpy<2");
  EXPECT_EQ(coordinator_.asked_uses.since(), 1'682'899'200'000'000'000);
}

TEST_F(PackagesCommandTest, ThatThereIsMoreIsSaid) {
  coordinator_.history.set_more(true);
  EXPECT_EQ(Run({"packages", "--history", "numpy"}), 0);
  EXPECT_THAT(env_.out, HasSubstr("there are more: --limit"));
  EXPECT_EQ(Run({"packages", "--history", "numpy", "--json"}), 0);
  EXPECT_EQ(OutJson()["more"], true);
  EXPECT_EQ(Run({"packages", "--history", "numpy", "--csv"}), 0);
  EXPECT_THAT(env_.out, Not(HasSubstr("more")));
  EXPECT_THAT(env_.err(), HasSubstr("there are more"));
}

TEST_F(PackagesCommandTest, NothingIsSaidToBeNothing) {
  coordinator_.history.Clear();
  coordinator_.compiled.Clear();
  coordinator_.uses.Clear();
  EXPECT_EQ(Run({"packages", "--history", "numpy"}), 0);
  EXPECT_EQ(env_.out, "no numpy on record\n");
  EXPECT_EQ(Run({"packages", "--compiled"}), 0);
  EXPECT_EQ(env_.out, "nothing was compiled\n");
  EXPECT_EQ(Run({"packages", "--uses", "numpy"}), 0);
  EXPECT_EQ(env_.out, "no build on record that has ended uses numpy\n");
}

TEST_F(PackagesCommandTest, WhatMakesNoSenseIsRefused) {
  const std::vector<std::vector<std::string>> given = {{"--history", "a", "--compiled"},
                                                       {"--history", "a", "--uses", "b"},
                                                       {"--compiled", "12"},
                                                       {"--by", "cost"},
                                                       {"--since", "1d"},
                                                       {"--limit", "3"},
                                                       {"--compiled", "--by", "weight"},
                                                       {"--compiled", "--limit", "0"},
                                                       {"--compiled", "--since", "soon"},
                                                       {"--compiled", "--since", "-1d"},
                                                       {"--compiled", "--json", "--csv"},
                                                       {"--compiled", "--platform", "/"}};
  for (std::vector<std::string> arguments : given) {
    arguments.insert(arguments.begin(), "packages");
    EXPECT_EQ(Run(arguments), 2) << testing::PrintToString(arguments);
  }
}

}  // namespace
}  // namespace crossmill::cli
