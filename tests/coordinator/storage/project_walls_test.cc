// What questions tell of the builds of several projects.
#include <gmock/gmock.h>

#include "coordinator/core/recipe_identity.h"
#include "coordinator/storage/compile_records.h"
#include "coordinator/storage/history_records.h"
#include "coordinator/storage/overview/build_list.h"
#include "coordinator/storage/overview/overview_records.h"
#include "coordinator/storage/people/build_walls.h"
#include "tests/coordinator/storage/package_fixture.h"
#include "tests/support/status_matchers.h"

namespace crossmill::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ProjectWallsTest : public PackageRecordFixture {
 protected:
  struct Built {
    int64_t build = 0;
    int64_t execution = 0;
  };
  Built BuildIn(const std::string& project, bool emulated = false) {
    v1::PackageOutcome package = MakePackage("numpy", "1.0");
    package.set_outcome(v1::OUTCOME_SOURCE);
    package.set_tag("cp311-cp311-linux_x86_64");
    package.set_seconds(5);
    Built built;
    built.build = Submit("example/app:1", {}, project);
    built.execution = Execute(built.build, {package}, {.emulated = emulated});
    End(built.build, {built.execution});
    return built;
  }
  core::Scope everybody_ = core::Scope::OfProject(""), shop_ = core::Scope::OfProject("shop"),
              bank_ = core::Scope::OfProject("bank"), farm_ = core::Scope::OfFarm();
};

TEST_F(ProjectWallsTest, ABuildOfAnotherIsNoneInTheWordsOfNone) {
  const Built first = BuildIn(""), second = BuildIn("shop");
  BuildWalls walls(store_->connection());
  EXPECT_EQ(*walls.Find(everybody_, first.build), first.build);
  EXPECT_EQ(*walls.Find(shop_, second.build), second.build);
  EXPECT_EQ(*walls.Find(farm_, first.build), first.build);
  EXPECT_EQ(*walls.Find(everybody_, 0), first.build);
  EXPECT_EQ(*walls.Find(shop_, 0), second.build);
  const absl::Status hidden = walls.Find(shop_, first.build).status();
  EXPECT_TRUE(absl::IsNotFound(hidden));
  EXPECT_EQ(hidden, absl::NotFoundError("there is no build " + std::to_string(first.build)));
  EXPECT_EQ(store_->LoadView(100).status(), absl::NotFoundError("there is no build 100"));
  EXPECT_EQ(walls.Find(bank_, 0).status(), absl::NotFoundError("there is no build yet"));
  EXPECT_OK(walls.CheckExecution(shop_, second.execution));
  EXPECT_OK(walls.CheckExecution(farm_, second.execution));
  EXPECT_EQ(walls.CheckExecution(bank_, second.execution),
            absl::NotFoundError("there is no execution " + std::to_string(second.execution)));
  EXPECT_EQ(walls.CheckExecution(everybody_, second.execution).code(),
            walls.CheckExecution(everybody_, second.execution + 100).code());
}

TEST_F(ProjectWallsTest, QuestionsAboutPackagesTellOfOnesOwnBuilds) {
  const Built first = BuildIn(""), second = BuildIn("shop", true);
  const auto builds = [&](const core::Scope& scope) {
    std::vector<int64_t> found;
    const auto history = queries_->History("numpy", {.scope = scope});
    for (const v1::PackageHistoryRow& row : history->rows()) found.push_back(row.build_id());
    const auto any = [](std::string_view) { return true; };
    const auto uses = queries_->Uses("numpy", any, {.scope = scope});
    for (const v1::PackageUse& use : uses->rows()) found.push_back(use.build_id());
    const auto compiled = queries_->Compiled(v1::CompiledPackagesRequest::ORDER_NAME, {.scope = scope});
    for (const v1::CompiledPackage& row : compiled->rows()) found.push_back(row.last_build_id());
    found.push_back(compiled->times());
    const auto latest = CompileRecords(store_->connection()).Latest(scope, "numpy", "1.0", 10);
    for (const CompileRow& row : *latest) found.push_back(row.build);
    return found;
  };
  EXPECT_THAT(builds(everybody_), ElementsAre(first.build, first.build, first.build, 1, first.build));
  EXPECT_THAT(builds(shop_), ElementsAre(second.build, second.build, second.build, 1, second.build));
  EXPECT_THAT(builds(bank_), ElementsAre(0));
  EXPECT_THAT(builds(farm_), ElementsAre(second.build, first.build, second.build, first.build, second.build,
                                         2, second.build, first.build));
  // How long it took the other way, in another's build, is not told.
  const v1::PackageOutcome native = store_->Packages(first.execution)->front();
  EXPECT_FALSE(queries_->FindOtherWay(native, "linux/amd64", everybody_)->has_value());
  EXPECT_TRUE(queries_->FindOtherWay(native, "linux/amd64", farm_)->has_value());
}

TEST_F(ProjectWallsTest, TheSameRecipeOfTwoProjectsIsTwoRecipes) {
  const Built first = BuildIn(""), second = BuildIn("shop");
  const std::string ours = core::IdentifyRecipe(*store_->LoadSubmission(second.build)).recipe;
  EXPECT_EQ(ours, "project shop, image example/app, Dockerfile");
  // What packages are compared with.
  EXPECT_EQ((*queries_->FindEarlier(ours, "", "linux/amd64", now_ + kOneSecond))->build_id(), second.build);
  OverviewRecords overview(store_->connection());
  const auto rows = [&](const core::Scope& scope) {
    std::vector<int64_t> builds;
    const auto wall = overview.Wall(scope, std::nullopt, 10);
    for (const v1::WallRow& row : *wall) builds.push_back(row.build_id());
    return builds;
  };
  EXPECT_THAT(rows(everybody_), ElementsAre(first.build));
  EXPECT_THAT(rows(shop_), ElementsAre(second.build));
  EXPECT_THAT(rows(bank_), IsEmpty());
  EXPECT_EQ(rows(farm_).size(), 2u);
  HistoryRecords history(store_->connection());
  EXPECT_THAT(*history.Recipes("example/app", 10, shop_), ElementsAre(ours));
  EXPECT_THAT(*history.Recipes(ours, 10, everybody_), IsEmpty());
  EXPECT_EQ(history.Recipes("example/app", 10, farm_)->size(), 2u);
}

TEST_F(ProjectWallsTest, AListHasOnesOwnBuilds) {
  const Built first = BuildIn(""), second = BuildIn("shop");
  BuildList list(store_->connection());
  const auto listed = [&](const core::Scope& scope) {
    std::vector<int64_t> builds;
    const auto ended = list.Ended({}, 0, 10, scope);
    for (const v1::BuildView& view : ended->builds) builds.push_back(view.id());
    return builds;
  };
  EXPECT_THAT(listed(everybody_), ElementsAre(first.build));
  EXPECT_THAT(listed(shop_), ElementsAre(second.build));
  EXPECT_THAT(listed(bank_), IsEmpty());
  EXPECT_THAT(listed(farm_), ElementsAre(second.build, first.build));
}

}  // namespace
}  // namespace crossmill::storage
