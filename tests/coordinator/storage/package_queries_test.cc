#include "coordinator/storage/package_queries.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string_view>

#include "common/base/status.h"
#include "tests/coordinator/storage/package_fixture.h"

namespace crossmill::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

bool Any(std::string_view) { return true; }

std::function<bool(std::string_view)> Is(const std::string& version) {
  return [version](std::string_view text) { return text == version; };
}

class PackageQueriesTest : public PackageRecordFixture {
 protected:
  // "VERSION OUTCOME-NUMBER PLATFORM", newest first.
  std::vector<std::string> History(const std::string& name, const PackageFilter& filter = {}) {
    const auto answer = queries_->History(name, filter);
    EXPECT_OK(answer);
    more_ = answer->more();
    std::vector<std::string> rows;
    for (const v1::PackageHistoryRow& row : answer->rows()) {
      rows.push_back(fmt::format("{} {} {}", row.package().version(),
                                 static_cast<int>(row.package().outcome()),
                                 row.has_platform() ? FormatPlatform(row.platform()) : "?"));
    }
    return rows;
  }
  v1::CompiledPackagesResponse Compiled(
      const PackageFilter& filter = {},
      v1::CompiledPackagesRequest::Order order = v1::CompiledPackagesRequest::ORDER_COST) {
    auto answer = queries_->Compiled(order, filter);
    EXPECT_OK(answer);
    return *std::move(answer);
  }
  std::vector<std::string> CompiledNames(
      v1::CompiledPackagesRequest::Order order = v1::CompiledPackagesRequest::ORDER_COST,
      const PackageFilter& filter = {}) {
    std::vector<std::string> names;
    const v1::CompiledPackagesResponse answer = Compiled(filter, order);
    for (const v1::CompiledPackage& row : answer.rows()) names.push_back(row.name() + " " + row.version());
    return names;
  }
  std::vector<int64_t> Uses(const std::string& name,
                            const std::function<bool(std::string_view)>& matches = Any,
                            const PackageFilter& filter = {}) {
    const auto answer = queries_->Uses(name, matches, filter);
    EXPECT_OK(answer);
    more_ = answer->more();
    std::vector<int64_t> builds;
    for (const v1::PackageUse& use : answer->rows()) builds.push_back(use.build_id());
    return builds;
  }
  v1::PackageUsesResponse UseRows(const std::string& name) {
    auto answer = queries_->Uses(name, Any, {});
    EXPECT_OK(answer);
    return *std::move(answer);
  }

  bool more_ = false;
};

// ---- history ----

TEST_F(PackageQueriesTest, HistoryIsNewestFirstOverPlatforms) {
  Build({MakePackage("numpy", "1.0"), MakePackage("other", "9")});
  Build({MakePackage("numpy", "1.1", v1::OUTCOME_SOURCE, 40)}, {.platform = "linux/arm64"});
  Build({MakePackage("numpy", "1.2")});
  EXPECT_THAT(History("numpy"), ElementsAre("1.2 1 linux/amd64", "1.1 2 linux/arm64", "1.0 1 linux/amd64"));
  EXPECT_FALSE(more_);
  EXPECT_THAT(History("numpy", {.platform = "linux/arm64"}), ElementsAre("1.1 2 linux/arm64"));
  EXPECT_THAT(History("numpy", {.limit = 2}), ElementsAre("1.2 1 linux/amd64", "1.1 2 linux/arm64"));
  EXPECT_TRUE(more_);
  EXPECT_THAT(History("numpy", {.limit = 3}), ::testing::SizeIs(3));
  EXPECT_FALSE(more_);
  EXPECT_THAT(History("num"), IsEmpty());
  EXPECT_THAT(History("numpy", {.platform = "linux/s390x"}), IsEmpty());
}

TEST_F(PackageQueriesTest, HistorySinceIsByTheEndOfTheExecution) {
  Build({MakePackage("numpy", "1.0")});
  const int64_t build = Submit();
  const int64_t id = Execute(build, {MakePackage("numpy", "1.1")});
  const int64_t finished = *store_->GetExecution(id)->finished_at;
  EXPECT_THAT(History("numpy", {.since = finished}), ElementsAre("1.1 1 linux/amd64"));
  EXPECT_THAT(History("numpy", {.since = finished + 1}), IsEmpty());
}

TEST_F(PackageQueriesTest, HistoryMarksReplicasFailuresAndBuildDependencies) {
  const int64_t build = Submit();
  Execute(build, {MakePackage("numpy", "1.0", v1::OUTCOME_FAILED, 3)}, {.failed = true});
  Execute(build, {MakePackage("numpy", "1.0", v1::OUTCOME_SOURCE, 40)}, {.replica = 1});
  Execute(build, {MakePackage("numpy", "1.0", v1::OUTCOME_WHEEL, 1, "build-dep")});
  const auto answer = queries_->History("numpy", {});
  ASSERT_OK(answer);
  ASSERT_EQ(answer->rows_size(), 3);
  EXPECT_EQ(answer->rows(0).package().scope(), "build-dep");
  EXPECT_FALSE(answer->rows(0).package().installed());
  EXPECT_EQ(answer->rows(1).replica(), 1u);
  EXPECT_EQ(answer->rows(1).worker(), "w1");
  EXPECT_EQ(answer->rows(1).step_number(), 3u);
  EXPECT_EQ(answer->rows(2).package().outcome(), v1::OUTCOME_FAILED);
  EXPECT_EQ(answer->rows(2).build_id(), build);
}

TEST_F(PackageQueriesTest, TheOtherWayIsOfTheSameReleaseTagAndPlatform) {
  const auto source = [](double seconds, const std::string& tag = "cp311-cp311-linux_aarch64") {
    v1::PackageOutcome package = MakePackage("numpy", "1.0", v1::OUTCOME_SOURCE, seconds);
    package.set_tag(tag);
    return package;
  };
  Build({source(99)}, {.platform = "linux/arm64"});
  const int64_t native = Build({source(40)}, {.platform = "linux/arm64"});
  // None of these is the same thing: another platform, tag, version, a failure, an unknown time.
  Build({source(1)}, {.platform = "linux/arm/v7"});
  Build({source(2, "cp312-cp312-linux_aarch64")}, {.platform = "linux/arm64"});
  Build({MakePackage("numpy", "1.1", v1::OUTCOME_SOURCE, 3)}, {.platform = "linux/arm64"});
  Build({MakePackage("numpy", "1.0", v1::OUTCOME_FAILED, 4)}, {.platform = "linux/arm64"});
  Build({source(-1)}, {.platform = "linux/arm64"});
  Build({source(310)}, {.platform = "linux/arm64", .emulated = true});
  const auto answer = queries_->History("numpy", {.limit = 1});
  ASSERT_OK(answer);
  const v1::PackageHistoryRow& row = answer->rows(0);
  EXPECT_TRUE(row.package().emulated());
  ASSERT_TRUE(row.has_other_way());
  EXPECT_EQ(row.other_way().seconds(), 40);
  EXPECT_EQ(row.other_way().build_id(), native);
  // A wheel and an unknown time have no other way.
  EXPECT_FALSE(*queries_->FindOtherWay(MakePackage("numpy", "1.0"), "linux/arm64"));
  EXPECT_FALSE(*queries_->FindOtherWay(source(-1), "linux/arm64"));
}

// ---- compiled ----

TEST_F(PackageQueriesTest, CompiledAddsUpByReleaseAndPlatform) {
  Build({MakePackage("numpy", "1.0", v1::OUTCOME_SOURCE, 40), MakePackage("click", "8.0")},
        {.platform = "linux/arm64"});
  const int64_t last = Build({MakePackage("numpy", "1.0", v1::OUTCOME_SOURCE, 310)},
                             {.platform = "linux/arm64", .emulated = true});
  Build({MakePackage("numpy", "1.0", v1::OUTCOME_SOURCE, 7)});
  const v1::CompiledPackagesResponse answer = Compiled({.platform = "linux/arm64"});
  ASSERT_EQ(answer.rows_size(), 1);
  const v1::CompiledPackage& row = answer.rows(0);
  EXPECT_EQ(row.name(), "numpy");
  EXPECT_EQ(row.times(), 2);
  EXPECT_EQ(row.timed(), 2);
  EXPECT_EQ(row.seconds(), 350);
  EXPECT_EQ(row.emulated(), 1);
  EXPECT_EQ(row.emulated_seconds(), 310);
  EXPECT_EQ(row.failed(), 0);
  EXPECT_EQ(row.last_build_id(), last);
  EXPECT_EQ(FormatPlatform(row.platform()), "linux/arm64");
  const v1::CompiledPackagesResponse all = Compiled();
  EXPECT_EQ(all.rows_size(), 2);
  EXPECT_EQ(all.releases(), 2);
  EXPECT_EQ(all.times(), 3);
  EXPECT_EQ(all.seconds(), 357);
}

TEST_F(PackageQueriesTest, CachedStepsCostNothing) {
  const int64_t first = Submit();
  const int64_t id = Execute(first, {MakePackage("numpy", "1.0", v1::OUTCOME_SOURCE, 40)});
  End(first, {id});
  const int64_t second = Submit();
  End(second, {id}, v1::BUILD_STATUS_SUCCEEDED, v1::STEP_STATUS_CACHED);
  EXPECT_EQ(Compiled().times(), 1);
  EXPECT_THAT(History("numpy"), ElementsAre("1.0 2 linux/amd64"));
  EXPECT_THAT(Uses("numpy"), ElementsAre(second, first));
}

TEST_F(PackageQueriesTest, FailuresReplicasAndUnknownTimesAreCountedApart) {
  const int64_t build = Submit();
  Execute(build, {MakePackage("numpy", "1.0", v1::OUTCOME_FAILED, 25)}, {.failed = true});
  // It was not found: nothing was compiled.
  Execute(build, {MakePackage("numpy", "1.0", v1::OUTCOME_FAILED, -1)}, {.failed = true});
  Execute(build, {MakePackage("numpy", "1.0", v1::OUTCOME_SOURCE, 40)});
  Execute(build, {MakePackage("numpy", "1.0", v1::OUTCOME_SOURCE, 60)}, {.replica = 1});
  Execute(build, {MakePackage("numpy", "1.0", v1::OUTCOME_SOURCE, -1, "build-dep")});
  Execute(build, {MakePackage("numpy", "1.0", v1::OUTCOME_SOURCE_CACHED, 2)});
  Execute(build, {MakePackage("numpy", "1.0", v1::OUTCOME_WHEEL, 2)});
  const v1::CompiledPackagesResponse answer = Compiled();
  ASSERT_EQ(answer.rows_size(), 1);
  const v1::CompiledPackage& row = answer.rows(0);
  EXPECT_EQ(row.times(), 3);
  EXPECT_EQ(row.timed(), 2);
  EXPECT_EQ(row.seconds(), 100);
  EXPECT_EQ(row.replicas(), 1);
  EXPECT_EQ(row.build_dependencies(), 1);
  EXPECT_EQ(row.failed(), 1);
  EXPECT_EQ(row.failed_seconds(), 25);
  EXPECT_EQ(answer.failed(), 1);
  EXPECT_EQ(answer.failed_seconds(), 25);
}

TEST_F(PackageQueriesTest, FromARepositoryOrFolderCountsWhatTheConsoleShowsWasBuilt) {
  v1::PackageOutcome built = MakePackage("fork", "1.0", v1::OUTCOME_VCS, 30);
  built.set_built_sha256(Sha256Hex("wheel"));
  Build({built, MakePackage("folder", "1.0", v1::OUTCOME_LOCAL, 2)});
  EXPECT_THAT(CompiledNames(), ElementsAre("fork 1.0"));
}

TEST_F(PackageQueriesTest, CompiledHasFourOrdersAndABound) {
  const auto compile = [&](const std::string& name, double seconds) {
    Build({MakePackage(name, "1", v1::OUTCOME_SOURCE, seconds)});
  };
  compile("c", 5);
  compile("a", 100);
  compile("b", 20);
  compile("c", 5);
  using Request = v1::CompiledPackagesRequest;
  EXPECT_THAT(CompiledNames(Request::ORDER_COST), ElementsAre("a 1", "b 1", "c 1"));
  EXPECT_THAT(CompiledNames(Request::ORDER_COUNT), ElementsAre("c 1", "a 1", "b 1"));
  EXPECT_THAT(CompiledNames(Request::ORDER_NAME), ElementsAre("a 1", "b 1", "c 1"));
  EXPECT_THAT(CompiledNames(Request::ORDER_LAST), ElementsAre("c 1", "b 1", "a 1"));
  const v1::CompiledPackagesResponse one = Compiled({.limit = 1});
  ASSERT_EQ(one.rows_size(), 1);
  EXPECT_EQ(one.rows(0).name(), "a");
  EXPECT_TRUE(one.more());
  EXPECT_EQ(one.releases(), 3);
  EXPECT_EQ(one.seconds(), 130);
  EXPECT_FALSE(Compiled({.limit = 3}).more());
}

TEST_F(PackageQueriesTest, CompiledSinceIsExact) {
  const int64_t build = Submit();
  const int64_t id = Execute(build, {MakePackage("a", "1", v1::OUTCOME_SOURCE, 5)});
  const int64_t finished = *store_->GetExecution(id)->finished_at;
  EXPECT_EQ(Compiled({.since = finished}).times(), 1);
  EXPECT_EQ(Compiled({.since = finished + 1}).times(), 0);
}

// ---- uses ----

TEST_F(PackageQueriesTest, UsesAreOfEndedBuildsNewestFirst) {
  const int64_t first = Build({MakePackage("numpy", "1.0"), MakePackage("click", "8")});
  const int64_t second = Build({MakePackage("numpy", "1.1")});
  const int64_t third = Build({MakePackage("numpy", "1.0")}, {.platform = "linux/arm64"});
  const int64_t running = Submit();
  Execute(running, {MakePackage("numpy", "1.0")});
  EXPECT_THAT(Uses("numpy", Is("1.0")), ElementsAre(third, first));
  EXPECT_THAT(Uses("numpy"), ElementsAre(third, second, first));
  EXPECT_THAT(Uses("numpy", Is("2.0")), IsEmpty());
  EXPECT_THAT(Uses("nump"), IsEmpty());
  EXPECT_THAT(Uses("numpy", Any, {.platform = "linux/amd64"}), ElementsAre(second, first));
  EXPECT_THAT(Uses("numpy", Any, {.limit = 2}), ElementsAre(third, second));
  EXPECT_TRUE(more_);
  EXPECT_THAT(Uses("numpy", Any, {.limit = 3}), ElementsAre(third, second, first));
  EXPECT_FALSE(more_);
  const int64_t submitted = store_->LoadView(second)->created_at();
  EXPECT_THAT(Uses("numpy", Any, {.since = submitted}), ElementsAre(third, second));
  EXPECT_THAT(Uses("numpy", Any, {.since = now_ + 1}), IsEmpty());
}

TEST_F(PackageQueriesTest, AUseNamesTheRecipeAndWhoExecutedTheStep) {
  const int64_t first = Submit("registry.example/app:1");
  const int64_t id = Execute(first, {MakePackage("numpy", "1.0")});
  End(first, {id});
  const int64_t second = Submit("registry.example/app:2");
  End(second, {id}, v1::BUILD_STATUS_FAILED, v1::STEP_STATUS_CACHED);
  const v1::PackageUsesResponse answer = UseRows("numpy");
  ASSERT_EQ(answer.rows_size(), 2);
  const v1::PackageUse& use = answer.rows(0);
  EXPECT_EQ(use.build_id(), second);
  EXPECT_EQ(use.executed_by(), first);
  EXPECT_EQ(use.execution(), id);
  EXPECT_EQ(use.status(), v1::BUILD_STATUS_FAILED);
  EXPECT_EQ(use.recipe(), "registry.example/app:2");
  EXPECT_EQ(use.stage_name(), "builder");
  EXPECT_EQ(use.step_number(), 3u);
  EXPECT_EQ(FormatPlatform(use.platform()), "linux/amd64");
  EXPECT_EQ(use.package().version(), "1.0");
  EXPECT_EQ(use.submitted_at(), store_->LoadView(second)->created_at());
  EXPECT_EQ(answer.rows(1).executed_by(), first);
}

TEST_F(PackageQueriesTest, FailedStepsReplicasAndFailedPackagesAreNoUses) {
  const int64_t failed = Submit();
  End(failed, {Execute(failed, {MakePackage("numpy", "1.0")}, {.failed = true})}, v1::BUILD_STATUS_FAILED,
      v1::STEP_STATUS_FAILED);
  const int64_t replicated = Submit();
  const int64_t counts = Execute(replicated, {MakePackage("click", "8")});
  Execute(replicated, {MakePackage("numpy", "1.0")}, {.replica = 1});
  End(replicated, {counts});
  Build({MakePackage("numpy", "1.0", v1::OUTCOME_FAILED, 2)});
  EXPECT_THAT(Uses("numpy"), IsEmpty());
  EXPECT_THAT(Uses("click"), ElementsAre(replicated));
}

TEST_F(PackageQueriesTest, ABuildDependencyIsMarkedAsOne) {
  Build({MakePackage("setuptools", "80", v1::OUTCOME_WHEEL, 1, "build-dep")});
  const v1::PackageUsesResponse answer = UseRows("setuptools");
  ASSERT_EQ(answer.rows_size(), 1);
  EXPECT_EQ(answer.rows(0).package().scope(), "build-dep");
}

TEST_F(PackageQueriesTest, StepsThatShareAnExecutionAndEnvironmentsOfOneStepAreUsesEach) {
  v1::PackageOutcome other = MakePackage("numpy", "1.0");
  other.set_environment("/opt/venv");
  const int64_t build = Submit();
  const int64_t id = Execute(build, {MakePackage("numpy", "1.0"), other});
  End(build, {id, id});
  EXPECT_THAT(Uses("numpy"), ElementsAre(build, build, build, build));
  EXPECT_THAT(Uses("numpy", Any, {.limit = 3}), ElementsAre(build, build, build));
  EXPECT_TRUE(more_);
}

// The two ways in which uses are found give the same: a frequent package (walked) and a rare one (looked up),
// each with builds that take steps of long ago from the cache.
TEST_F(PackageQueriesTest, FrequentAndRarePackagesAreFoundInTheSameOrder) {
  constexpr int kBuilds = 4100;
  std::vector<int64_t> builds;
  std::vector<int64_t> rare;
  int64_t old = 0;
  ASSERT_OK(store_->Transact([&] {
    for (int i = 0; i < kBuilds; ++i) {
      const int64_t build = Submit();
      const bool cached = i % 7 == 6;
      if (!cached) {
        std::vector<v1::PackageOutcome> packages = {MakePackage("frequent", i % 2 == 0 ? "1" : "2")};
        if (i % 1000 == 0) packages.push_back(MakePackage("rare", "1"));
        const int64_t id = Execute(build, packages);
        if (i % 1000 == 0) old = id;
        End(build, {id});
      } else {
        End(build, {old}, v1::BUILD_STATUS_SUCCEEDED, v1::STEP_STATUS_CACHED);
      }
      builds.push_back(build);
      if (cached || i % 1000 == 0) rare.push_back(build);
    }
    return absl::OkStatus();
  }));
  std::reverse(builds.begin(), builds.end());
  std::reverse(rare.begin(), rare.end());
  const auto first = [](const std::vector<int64_t>& all, size_t count) {
    return std::vector<int64_t>(all.begin(),
                                all.begin() + static_cast<std::ptrdiff_t>(std::min(count, all.size())));
  };
  EXPECT_EQ(Uses("frequent", Any, {.limit = 300}), first(builds, 300));
  EXPECT_TRUE(more_);
  EXPECT_EQ(Uses("frequent", Any, {.limit = 10'000}), builds);
  EXPECT_FALSE(more_);
  EXPECT_EQ(Uses("rare", Any, {.limit = 300}), first(rare, 300));
  EXPECT_EQ(Uses("rare", Any, {.limit = 10'000}), rare);
  EXPECT_FALSE(more_);
}

// ---- the same recipe ----

TEST_F(PackageQueriesTest, TheEarlierBuildHadSucceededBeforeTheSubmission) {
  const int64_t first = Build({MakePackage("a", "1")});
  const int64_t failed = Submit();
  End(failed, {Execute(failed, {MakePackage("a", "2")})}, v1::BUILD_STATUS_FAILED);
  const int64_t overlapping = Submit();
  const int64_t now = Submit();
  End(overlapping, {Execute(overlapping, {MakePackage("a", "3")})});
  const std::string recipe = "image example/app, Dockerfile";
  const auto earlier = queries_->FindEarlier(recipe, "", "linux/amd64", store_->LoadView(now)->created_at());
  ASSERT_OK(earlier);
  ASSERT_TRUE(*earlier);
  EXPECT_EQ((*earlier)->build_id(), first);
  EXPECT_EQ((*earlier)->recipe(), recipe);
  EXPECT_FALSE((*earlier)->other_arguments());
  EXPECT_EQ((*earlier)->finished_at(), store_->LoadView(first)->finished_at());
  EXPECT_EQ((*queries_->FindEarlier(recipe, "", "linux/amd64", now_))->build_id(), overlapping);
  EXPECT_FALSE(*queries_->FindEarlier(recipe, "", "linux/arm64", now_));
  EXPECT_FALSE(*queries_->FindEarlier("image other", "", "linux/amd64", now_));
  EXPECT_FALSE(*queries_->FindEarlier("", "", "linux/amd64", now_));
}

TEST_F(PackageQueriesTest, TheSameArgumentsComeBeforeNewerOnes) {
  const auto build = [&](const std::string& python) {
    const int64_t id = Submit("example/app", {{"PYTHON", python}});
    End(id, {Execute(id, {MakePackage("a", "1")})});
    return id;
  };
  const int64_t old = build("3.11");
  const int64_t newer = build("3.12");
  const std::string arguments = Sha256Hex(std::string("PYTHON\0003.11\0", 12));
  auto earlier = queries_->FindEarlier("image example/app, Dockerfile", arguments, "linux/amd64", now_);
  ASSERT_OK(earlier);
  ASSERT_TRUE(*earlier);
  EXPECT_EQ((*earlier)->build_id(), old);
  EXPECT_FALSE((*earlier)->other_arguments());
  earlier = queries_->FindEarlier("image example/app, Dockerfile", "", "linux/amd64", now_);
  ASSERT_TRUE(*earlier);
  EXPECT_EQ((*earlier)->build_id(), newer);
  EXPECT_TRUE((*earlier)->other_arguments());
}

// ---- keeping the tables ----

TEST_F(PackageQueriesTest, PackagesThatAreSavedAgainAreReplacedEverywhere) {
  const int64_t build = Submit();
  const int64_t id = Execute(build, {MakePackage("a", "1", v1::OUTCOME_SOURCE, 5), MakePackage("b", "1")});
  ASSERT_OK(store_->SavePackages(id, {MakePackage("c", "1", v1::OUTCOME_SOURCE, 6)}));
  End(build, {id});
  EXPECT_THAT(History("a"), IsEmpty());
  EXPECT_THAT(Uses("b"), IsEmpty());
  EXPECT_THAT(CompiledNames(), ElementsAre("c 1"));
  EXPECT_THAT(Uses("c"), ElementsAre(build));
}

}  // namespace
}  // namespace crossmill::storage
