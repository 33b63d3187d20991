// Targets, requirements, plans and recipes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "cli/wheelhouse/recipes.h"
#include "cli/wheelhouse/wanted.h"
#include "tests/cli/wheelhouse/wheelhouse_sample.h"
#include "tests/support/golden.h"
#include "tests/support/status_matchers.h"

namespace crossmill::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

absl::StatusOr<WantedPackages> Wanted(const std::map<std::string, std::string>& files,
                                      std::vector<std::string> words = {}) {
  WantedNames names;
  if (files.contains("r.txt")) names.files = {"r.txt"};
  names.requirements = std::move(words);
  return ReadWanted(names, [&](const std::string& path) -> absl::StatusOr<std::string> {
    const auto found = files.find(path);
    if (found == files.end()) return absl::NotFoundError(path);
    return found->second;
  });
}

TEST(WheelTargetTest, EachPythonOnEachPlatform) {
  const auto pythons_or = ParsePythons({"3.11, 3.12"});
  ASSERT_OK(pythons_or);
  const auto& pythons = *pythons_or;
  EXPECT_THAT(pythons, ElementsAre("3.11", "3.12"));
  const std::vector<v1::Platform> platforms = {SampleTarget().platform};
  const auto targets_or = MakeTargets(platforms, pythons, "");
  ASSERT_OK(targets_or);
  const auto& targets = *targets_or;
  ASSERT_EQ(targets.size(), 2u);
  EXPECT_EQ(targets[1].base, "python:3.12-slim");
  EXPECT_EQ(targets[1].Folder(), "linux-amd64-cp312");
  EXPECT_EQ(targets[1].Label(), "linux/amd64 cp312");
  for (const char* bad : {"", "3", "3.x", "2.7", "3.11,3.11", "3.11\nRUN x"})
    EXPECT_FALSE(ParsePythons({bad}).ok()) << bad;
  for (const char* bad : {"a b", "a\nRUN x", "$X", "--platform=x", "x'"})
    EXPECT_FALSE(MakeTargets(platforms, pythons, bad).ok()) << bad;
}

TEST(WantedPackagesTest, IncludedFilesAreNamedByPlace) {
  const auto wanted_or = Wanted({{"r.txt", "-r sub/more.txt\nalpha==1\n-c limits.txt\n"},
                                 {"sub/more.txt", "-r ../r.txt\ngamma @ https://h/g.tar.gz\n"},
                                 {"limits.txt", "beta<2\n"}},
                                {"ready"});
  ASSERT_OK(wanted_or);
  const auto& wanted = *wanted_or;
  ASSERT_EQ(wanted.files.size(), 4u);
  EXPECT_EQ(wanted.files[0].text, "-r 1.txt\nalpha==1\n-c 2.txt\n");
  EXPECT_EQ(wanted.files[1].text, "-r 0.txt\ngamma @ https://h/g.tar.gz\n");
  EXPECT_THAT(wanted.roots, ElementsAre(0u, 3u));
  EXPECT_EQ(wanted.addresses.at("gamma"), "https://h/g.tar.gz");
}

TEST(WantedPackagesTest, WhatOnlyThisMachineHasIsRefusedWithItsPlace) {
  const std::map<std::string, std::string> bad = {
      {"ok\n./here\n", "r.txt:2: ./here is on this machine"},
      {"-e git+https://h/x#egg=x\n", "on this machine"},
      {"x @ file:///etc\n", "on this machine"},
      {"https://h/x-1.tar.gz\n", "write NAME @"},
      {"x @ https://u:secret@h/x.tar.gz\n", "has a password in it"},
      {"--index-url https://u:secret@h/simple\nx\n", "has a password in it"},
      {"--find-links ./wheels\nx\n", "on this machine"},
      {"x @ https://h/$(id)\n", "no address"},
      {"-r https://h/r.txt\n", "fetch it"},
      {"-r \\\nmore.txt\nx\n", "on one line"},
      {"-r missing.txt\n", "r.txt:1"},
      {"# nothing\n", "nothing is asked for"},
      {"==\n", "r.txt:1"},
  };
  for (const auto& [text, said] : bad) {
    const auto wanted = Wanted({{"r.txt", text}, {"more.txt", "y\n"}});
    ASSERT_FALSE(wanted.ok()) << text;
    EXPECT_THAT(std::string(wanted.status().message()), HasSubstr(said)) << text;
    EXPECT_THAT(std::string(wanted.status().message()), testing::Not(HasSubstr("secret"))) << text;
  }
}

TEST(TargetPlanTest, SourcesInTheOrderOfTheirBuildRequirements) {
  const TargetPlan plan = PlanTarget(SampleTarget(), SampleForecast());
  EXPECT_THAT(plan.failure, testing::IsEmpty());
  std::vector<std::string> order;
  for (const PlannedPackage* package : BuildOrder(plan)) order.push_back(package->name);
  EXPECT_THAT(order, ElementsAre("tool", "alpha"));
}

TEST(TargetPlanTest, ACircleEndsAndIsSaid) {
  v1::Forecast forecast = SampleForecast();
  AddPredicted(*forecast.mutable_prediction()->mutable_platforms(0)->mutable_steps(0)->mutable_installs(0),
               "alpha", "1.0", v1::OUTCOME_SOURCE, "tool 2.0");
  const TargetPlan plan = PlanTarget(SampleTarget(), forecast);
  ASSERT_EQ(BuildOrder(plan).size(), 2u);
  for (const PlannedPackage* package : BuildOrder(plan)) EXPECT_TRUE(package->in_circle);
}

TEST(TargetPlanTest, AnotherPythonThanAskedForIsNoPlan) {
  WheelTarget target = SampleTarget();
  target.python = "3.1";
  EXPECT_THAT(PlanTarget(target, SampleForecast()).failure,
              ElementsAre("python:3.11-slim has Python 3.11.7 (cp311), not 3.1"));
  EXPECT_FALSE(PlanTarget(target, v1::Forecast()).failure.empty());
}

TEST(ConcludeTest, WhatAWheelRequiresAndNobodyResolvedIsMissing) {
  TargetRecord record = SampleRecord();
  record.packages.erase(record.packages.begin() + 1);
  record.plan.packages.erase(record.plan.packages.begin() + 1);
  Conclude(&record);
  EXPECT_EQ(record.status, TargetRecord::Status::kComplete);
  for (const char* text : {"tool>=2", "absent; python_version < '3'", "absent; extra == 'more'"})
    record.packages[0].files[0].requirements.push_back(*python::Requirement::Parse(text));
  Conclude(&record);
  EXPECT_EQ(record.status, TargetRecord::Status::kComplete) << testing::PrintToString(record.missing);
  record.packages[0].files[0].requirements.push_back(*python::Requirement::Parse("late>1"));
  record.packages[0].files[0].requirements.push_back(*python::Requirement::Parse("tool<2"));
  Conclude(&record);
  EXPECT_EQ(record.status, TargetRecord::Status::kIncomplete);
  EXPECT_THAT(
      record.missing,
      ElementsAre("alpha-1.0-cp311-cp311-linux_x86_64.whl requires late>1, which the resolution did not have",
                  "alpha-1.0-cp311-cp311-linux_x86_64.whl requires tool<2, and the resolution has 2.0"));
}

TEST(ConcludeTest, AWheelThatDoesNotInstallThereIsAFailure) {
  TargetRecord record = SampleRecord();
  record.packages[0].files[0].name = "alpha-1.0-cp311-cp311-linux_armv8l.whl";
  Conclude(&record);
  EXPECT_EQ(record.packages[0].outcome, PackageRecord::Outcome::kFailed);
}

TEST(RecipesTest, Goldens) {
  const auto wanted_or =
      Wanted({{"r.txt", "--extra-index-url https://h/simple\n--no-binary alpha\nalpha\nCROSSMILL_END\n"}});
  ASSERT_OK(wanted_or);
  const auto& wanted = *wanted_or;
  const TargetPlan plan = PlanTarget(SampleTarget(), SampleForecast());
  const PlannedPackage* const fetched[] = {&plan.packages[2]};
  ExpectGolden(CROSSMILL_GOLDEN_FOLDER "/cli/wheelhouse", "resolve.dockerfile",
               ResolveRecipe(SampleTarget(), wanted));
  ExpectGolden(CROSSMILL_GOLDEN_FOLDER "/cli/wheelhouse", "fetch.dockerfile",
               FetchRecipe(SampleTarget(), wanted, fetched));
  ExpectGolden(CROSSMILL_GOLDEN_FOLDER "/cli/wheelhouse", "compile.dockerfile",
               CompileRecipe(SampleTarget(), wanted, plan.packages[0], true));
  const std::string digest(64, 'e');
  const auto hashed_or = Wanted({{"r.txt", "alpha==1.0 --hash=sha256:" + digest + "\n"}});
  ASSERT_OK(hashed_or);
  const auto& hashed = *hashed_or;
  EXPECT_THAT(CompileRecipe(SampleTarget(), hashed, plan.packages[0], false),
              HasSubstr("alpha==1.0 --hash=sha256:" + digest + "\nCROSSMILL_END\n"));
}

TEST(StatementsTest, OnlyStatementsCount) {
  const WheelStatements said =
      ReadStatements("noise\nrepair failed cannot \x1b[31m read\nabi3 passed\ncompiled zz\nrepair\n");
  EXPECT_EQ(said.repair, "failed");
  EXPECT_EQ(said.abi3, "passed");
  EXPECT_EQ(said.compiled_sha256, "");
  EXPECT_EQ(said.repair_line.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace crossmill::cli
