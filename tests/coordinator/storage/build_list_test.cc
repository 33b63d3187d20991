#include "coordinator/storage/overview/build_list.h"

#include <gmock/gmock.h>

#include <random>

#include "coordinator/overview/listed_build.h"
#include "tests/coordinator/storage/overview_fixture.h"

namespace crossmill::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int64_t kListNow = 10'000;

class BuildListTest : public OverviewFixture {
 protected:
  BuildList::Page Page(std::string_view filter, int64_t before = 0, int limit = 100) {
    return list_.Ended(filter::ParseFilter(filter, kListNow).value(), before, limit).value();
  }
  static std::vector<int64_t> Ids(const BuildList::Page& page) {
    std::vector<int64_t> ids;
    for (const v1::BuildView& view : page.builds) ids.push_back(view.id());
    return ids;
  }
  std::vector<int64_t> Find(std::string_view filter) { return Ids(Page(filter)); }

  BuildList list_{records_->connection()};
};

TEST_F(BuildListTest, PagesAreNewestFirstAndGoOnWhereTheLastOneEnded) {
  EXPECT_EQ(Page("").next, 0);
  for (int i = 0; i < 5; ++i) Add({});
  EXPECT_THAT(Ids(Page("", 0, 2)), ElementsAre(5, 4));
  EXPECT_EQ(Page("", 0, 2).next, 4);
  EXPECT_THAT(Ids(Page("", 4, 2)), ElementsAre(3, 2));
  EXPECT_THAT(Ids(Page("", 2, 2)), ElementsAre(1));
  EXPECT_EQ(Page("", 2, 2).next, 0);
  EXPECT_EQ(Page("", 0, 5).next, 0) << "a full page with nothing behind it";
  EXPECT_THAT(Ids(Page("", 1)), IsEmpty());
  EXPECT_THAT(Ids(Page("", INT64_MAX)), ElementsAre(5, 4, 3, 2, 1));
  EXPECT_EQ(Page("name:none", INT64_MAX).next, 0) << "nothing is looked for above the newest";
}

TEST_F(BuildListTest, WhatRunsAndWhatCompilesForOthersIsApart) {
  const int64_t ended = Add({});
  const int64_t running = Submit({});
  Add({.wheels = true});
  Submit({.wheels = true});
  EXPECT_THAT(Find(""), ElementsAre(ended));
  const auto any = [](const v1::BuildSubmission& submission, v1::BuildView*) {
    EXPECT_EQ(submission.options().tags(0), "team/app:1");
    return true;
  };
  EXPECT_THAT(Ids(list_.NotEnded(0, 10, any).value()), ElementsAre(running));
  EXPECT_THAT(Ids(list_.NotEnded(running, 10, any).value()), IsEmpty());
}

// A farm may have thousands in its queue.
TEST_F(BuildListTest, OfWhatRunsNoMoreIsLookedAtThanIsNeeded) {
  for (int i = 0; i < 20; ++i) Submit({.tag = i == 4 ? "rare:1" : "app:1"});
  std::vector<int64_t> asked;
  const auto any = [&](const v1::BuildSubmission&, v1::BuildView* view) {
    asked.push_back(view->id());
    return true;
  };
  BuildList::Page page = list_.NotEnded(0, 2, any).value();
  EXPECT_THAT(Ids(page), ElementsAre(20, 19));
  EXPECT_EQ(page.next, 19);
  EXPECT_THAT(asked, ElementsAre(20, 19, 18)) << "one more says that there is more";
  page = list_.NotEnded(3, 2, any).value();
  EXPECT_THAT(Ids(page), ElementsAre(2, 1));
  EXPECT_EQ(page.next, 0) << "a full page with nothing behind it";

  BuildList bounded(records_->connection(), kLookedAt, 10);
  const auto rare = [](const v1::BuildSubmission& submission, v1::BuildView*) {
    return submission.options().tags(0) == "rare:1";
  };
  page = bounded.NotEnded(0, 2, rare).value();
  EXPECT_THAT(Ids(page), IsEmpty());
  EXPECT_EQ(page.next, 11);
  page = bounded.NotEnded(page.next, 2, rare).value();
  EXPECT_THAT(Ids(page), ElementsAre(5));
  EXPECT_EQ(page.next, 0) << "the last ten were all that there were";
}

TEST(OneListTest, IsOfWhereBothHaveLooked) {
  const auto page_of = [](const std::vector<int64_t>& ids, int64_t next, v1::BuildStatus status) {
    BuildList::Page page;
    page.next = next;
    for (const int64_t id : ids) {
      page.builds.emplace_back().set_id(id);
      page.builds.back().set_status(status);
    }
    return page;
  };
  const auto one_list = [&](const std::vector<int64_t>& ended, int64_t ended_next,
                            const std::vector<int64_t>& running, int64_t running_next, int limit) {
    return OneList(page_of(ended, ended_next, v1::BUILD_STATUS_SUCCEEDED),
                   page_of(running, running_next, v1::BUILD_STATUS_QUEUED), 0, limit);
  };
  const auto ids_of = [](const BuildList::Page& page) {
    std::vector<int64_t> ids;
    for (const v1::BuildView& view : page.builds) ids.push_back(view.id());
    return ids;
  };
  BuildList::Page page = one_list({9, 7, 2}, 0, {8, 1}, 0, 10);
  EXPECT_THAT(ids_of(page), ElementsAre(9, 8, 7, 2, 1));
  EXPECT_EQ(page.next, 0);
  page = one_list({9, 7, 2}, 0, {8}, 5, 10);
  EXPECT_THAT(ids_of(page), ElementsAre(9, 8, 7)) << "one that runs may be at 4";
  EXPECT_EQ(page.next, 5);
  page = one_list({9, 7}, 7, {8, 3}, 3, 2);
  EXPECT_THAT(ids_of(page), ElementsAre(9, 8));
  EXPECT_EQ(page.next, 8);
  page = one_list({}, 6, {5}, 0, 2);
  EXPECT_THAT(ids_of(page), IsEmpty()) << "one that has ended may be at 5";
  EXPECT_EQ(page.next, 6);
  page = one_list({4}, 0, {4}, 0, 2);
  ASSERT_THAT(ids_of(page), ElementsAre(4));
  EXPECT_EQ(page.builds[0].status(), v1::BUILD_STATUS_SUCCEEDED);
}

TEST_F(BuildListTest, EachFieldFindsItsOwn) {
  const int64_t good =
      Add({.verdict = v1::VERDICT_REPRODUCIBLE, .platforms = {"linux/amd64", "linux/arm64"}});
  const int64_t failed = Add({.tag = "registry.example:5000/team/shop-api:2.0",
                              .status = v1::BUILD_STATUS_FAILED,
                              .platforms = {"linux/arm/v7"},
                              .labels = {{"team", "Shop"}, {"tier", "a b"}},
                              .message = "step 3 of builder (Dockerfile:7): exit code 1",
                              .target = "Final",
                              .submitted_at = 5000,
                              .took = 2'000'000'000});
  const int64_t unnamed = Add({.tag = "", .verdict = v1::VERDICT_FLAKY, .submitted_at = 9000});
  EXPECT_THAT(Find("status:failed"), ElementsAre(failed));
  EXPECT_THAT(Find("-status:failed"), ElementsAre(unnamed, good));
  EXPECT_THAT(Find("status:failed,succeeded"), ElementsAre(unnamed, failed, good));
  EXPECT_THAT(Find("verdict:reproducible"), ElementsAre(good));
  EXPECT_THAT(Find("verdict:flaky,reproducible"), ElementsAre(unnamed, good));
  EXPECT_THAT(Find("verdict:unverified"), ElementsAre(failed));
  EXPECT_THAT(Find("platform:arm64"), ElementsAre(good));
  EXPECT_THAT(Find("platform:linux/arm/v7,arm64"), ElementsAre(failed, good));
  EXPECT_THAT(Find("-platform:amd64"), ElementsAre(failed));
  EXPECT_THAT(Find("label:team"), ElementsAre(failed));
  EXPECT_THAT(Find("label:TEAM=shop label:\"tier=a b\""), ElementsAre(failed));
  EXPECT_THAT(Find("label:team=sho"), IsEmpty());
  EXPECT_THAT(Find("label:tea"), IsEmpty());
  EXPECT_THAT(Find("name:shop-api"), ElementsAre(failed));
  EXPECT_THAT(Find("name:team/shop-api:2.0"), ElementsAre(failed));
  EXPECT_THAT(Find("tag:registry.example:5000/team/shop-api"), ElementsAre(failed));
  EXPECT_THAT(Find("name:shop"), IsEmpty()) << "whole names";
  EXPECT_THAT(Find("name:registry.example"), IsEmpty()) << "a port is no tag";
  EXPECT_THAT(Find("name:shop-api:2"), IsEmpty());
  EXPECT_THAT(Find("target:final"), ElementsAre(failed));
  EXPECT_THAT(Find("build:1,3"), ElementsAre(unnamed, good));
  EXPECT_THAT(Find("\"Shop-API:2\""), ElementsAre(failed));
  EXPECT_THAT(Find("\"exit code\""), ElementsAre(failed));
  EXPECT_THAT(Find("EXIT -\"dockerfile:7\""), IsEmpty());
}

TEST_F(BuildListTest, WhereAContextCameFromIsANameToTheLetter) {
  const int64_t shell = Add({.tag = "", .origin = "git@host:App.git"});
  const int64_t other = Add({.tag = "", .origin = "git@host:other.git"});
  const int64_t api = Add({.tag = "", .origin = "https://host/mono.git#:api"});
  const int64_t web = Add({.tag = "", .origin = "https://host/mono.git#:web"});
  const int64_t image = Add({.tag = "host/mono:api", .origin = "git@host:app.git"});
  EXPECT_THAT(Find("name:git@host:app.git"), ElementsAre(shell)) << "a build with an image is named by it";
  EXPECT_THAT(Find("name:git@host:other.git"), ElementsAre(other));
  EXPECT_THAT(Find("name:git@host"), IsEmpty());
  EXPECT_THAT(Find("name:mono.git#:api"), ElementsAre(api));
  EXPECT_THAT(Find("name:https://host/mono.git#:web"), ElementsAre(web));
  EXPECT_THAT(Find("-name:mono.git#:api name:mono:api"), ElementsAre(image));
}

TEST_F(BuildListTest, TextLooksIntoNamesMessagesAndNumbers) {
  const int64_t first = Add({.message = "exit code 2"});
  const int64_t second = Add({.tag = "other:1"});
  EXPECT_THAT(Find("app"), ElementsAre(first));
  EXPECT_THAT(Find("OTHER"), ElementsAre(second));
  EXPECT_THAT(Find("#2"), ElementsAre(second));
  EXPECT_THAT(Find("2"), ElementsAre(second, first)) << "as a number and as text";
  EXPECT_THAT(Find("-exit"), ElementsAre(second));
  EXPECT_THAT(Find("app other"), IsEmpty()) << "all words hold";
  EXPECT_THAT(Find("%"), IsEmpty());
  EXPECT_THAT(Find("'"), IsEmpty());
}

TEST_F(BuildListTest, TimesAndDurationsAreOfTheSubmissionAndFromItToTheEnd) {
  constexpr int64_t kOneInNs = 1'000'000'000;
  const int64_t old = Add({.submitted_at = 100 * kOneInNs, .took = 30 * kOneInNs});
  const int64_t young = Add({.submitted_at = 900 * kOneInNs, .took = 31 * kOneInNs});
  const auto find = [&](std::string_view text) {
    return Ids(*list_.Ended(filter::ParseFilter(text, 1000 * kOneInNs).value(), 0, 10));
  };
  EXPECT_THAT(find("since:100s"), ElementsAre(young));
  EXPECT_THAT(find("since:900s"), ElementsAre(young, old));
  EXPECT_THAT(find("until:100s"), ElementsAre(young, old));
  EXPECT_THAT(find("before:100s"), ElementsAre(old));
  EXPECT_THAT(find("until:1970-01-01T00:01"), ElementsAre(old));
  EXPECT_THAT(find("duration>30s"), ElementsAre(young));
  EXPECT_THAT(find("duration<31s"), ElementsAre(old));
}

TEST_F(BuildListTest, OneQuestionLooksAtABoundedNumberOfBuilds) {
  const int64_t rare = Add({.tag = "rare:1"});
  for (int i = 0; i < 9; ++i) Add({});
  BuildList bounded(records_->connection(), 4);
  const filter::Filter filter = filter::ParseFilter("name:rare", kListNow).value();
  std::vector<int64_t> found;
  std::vector<int64_t> tokens;
  for (int64_t before = 0;;) {
    const auto page = bounded.Ended(filter, before, 5);
    ASSERT_OK(page);
    for (const int64_t id : Ids(*page)) found.push_back(id);
    if (page->next == 0) break;
    tokens.push_back(page->next);
    before = page->next;
  }
  EXPECT_THAT(found, ElementsAre(rare));
  EXPECT_THAT(tokens, ElementsAre(7, 3));
}

TEST_F(BuildListTest, AHeadHasWhatAListShowsAndNoMore) {
  const TestBuild described = {.verdict = v1::VERDICT_UNREPRODUCIBLE};
  const int64_t id = Submit(described);
  v1::BuildView view = EndedView(id, described);
  v1::StepComparison& step = *view.mutable_cells(0)->mutable_comparison()->add_steps();
  step.set_step_number(3);
  step.set_reaches_image(true);
  step.set_differences_total(2);
  step.add_differences()->set_path("/a");
  step.add_witnesses()->set_worker("w1");
  view.mutable_cells(0)->mutable_comparison()->add_steps()->set_agrees(true);
  ASSERT_OK(records_->SaveView(id, view));
  const BuildList::Page page = Page("");
  ASSERT_THAT(page.builds, SizeIs(1));
  const v1::BuildView& head = page.builds.front();
  EXPECT_EQ(head.stages_size(), 0);
  ASSERT_EQ(head.cells(0).comparison().steps_size(), 1);
  EXPECT_EQ(head.cells(0).comparison().steps(0).differences_total(), 2);
  EXPECT_EQ(head.cells(0).comparison().steps(0).differences_size(), 0);
  EXPECT_EQ(head.cells(0).comparison().steps(0).witnesses_size(), 0);
  EXPECT_EQ(head.options().tags(0), "team/app:1");
  EXPECT_EQ(records_->LoadView(id)->stages_size(), 1) << "the record keeps all of it";
}

// What SQL says of the table and what is said of a build in memory is the same for any filter.
TEST_F(BuildListTest, FindsTheSameInTheRecordAsInMemory) {
  std::mt19937 random(11);
  const auto any = [&](const std::vector<std::string>& of) { return of[random() % of.size()]; };
  std::vector<overview::BuildFacts> all;
  for (int i = 0; i < 60; ++i) {
    const TestBuild build = {
        .tag = any({"", "app:1", "team/app", "r:5000/team/app:2", "shop", "Shop-API:1"}),
        .status = static_cast<v1::BuildStatus>(v1::BUILD_STATUS_SUCCEEDED + random() % 5),
        .verdict = static_cast<v1::Verdict>(random() % 8),
        .platforms = random() % 2 == 0 ? std::vector<std::string>{"linux/arm64"}
                                       : std::vector<std::string>{"linux/amd64", "linux/arm/v7"},
        .labels = {{any({"a", "b"}), any({"1", "x=y", "two words"})}},
        .message = any({"", "exit code 1", "it's 100 %\ngone"}),
        .target = any({"", "final"}),
        .submitted_at = static_cast<int64_t>(random() % 10'000),
        .took = static_cast<int64_t>(random() % 90) * 1'000'000'000};
    const int64_t id = Add(build);
    all.push_back(overview::FactsOf(SubmissionOf(build), *records_->LoadView(id), 0));
  }
  const std::vector<std::string> words = {"status:failed",
                                          "status:succeeded,cancelled",
                                          "verdict:flaky",
                                          "verdict:unverified,reproducible",
                                          "platform:arm64",
                                          "platform:arm,amd64",
                                          "label:a",
                                          "label:b=x=y",
                                          "label:\"a=two words\"",
                                          "name:app",
                                          "name:app:2",
                                          "name:team/app",
                                          "name:shop-api",
                                          "target:final",
                                          "build:7,8",
                                          "since:1970-01-01",
                                          "duration>30s",
                                          "duration<10s",
                                          "app",
                                          "\"exit code\"",
                                          "%",
                                          "'",
                                          "#12",
                                          "1"};
  int found = 0;
  for (int i = 0; i < 2000; ++i) {
    std::string text;
    for (size_t count = 1 + random() % 3; count > 0; --count)
      text += std::string(random() % 3 == 0 ? "-" : "") + any(words) + " ";
    const filter::Filter filter = filter::ParseFilter(text, 7000).value();
    std::vector<int64_t> expected;
    for (auto facts = all.rbegin(); facts != all.rend(); ++facts)
      if (overview::Matches(filter, *facts)) expected.push_back(facts->build);
    ASSERT_EQ(Ids(list_.Ended(filter, 0, 1000).value()), expected) << text;
    found += static_cast<int>(expected.size());
  }
  EXPECT_GT(found, 2000);
}

}  // namespace
}  // namespace crossmill::storage
