// Recipes over time and what is verified again, over builds of a real engine.
#include "coordinator/verification/recipe_history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "coordinator/verification/reverification.h"
#include "tests/coordinator/engine/engine_fixture.h"

namespace crossmill::coordinator {
namespace {

using ::testing::HasSubstr;

class RecipeHistoryTest : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    one_ = NewWorker("w1", "host-a");
    two_ = NewWorker("w2", "host-b");
    for (auto* worker : {one_.get(), two_.get()}) {
      worker->DifferOn("dice");
      worker->PlayAll();
    }
    rebuilds_ = std::make_unique<Rebuilds>(*engine_);
    history_ = std::make_unique<RecipeHistory>(engine_->reader(), *records_->OpenAnother(), *blobs_);
    reverification_ = std::make_unique<Reverification>(*rebuilds_, *records_->OpenAnother(), clock_);
  }
  void TearDown() override {
    // They report to the coordinator until they are gone.
    one_.reset();
    two_.reset();
    reverification_.reset();
    history_.reset();
    rebuilds_.reset();
    EngineTest::TearDown();
  }

  v1::BuildView Build(const std::string& dockerfile, const std::string& tag = "app:1") {
    auto submission = Submission(dockerfile, 2);
    submission.mutable_options()->add_tags(tag);
    return WaitForEnd(Submit(submission));
  }
  v1::BuildHistoryResponse History(const std::string& name) {
    v1::BuildHistoryRequest request;
    request.set_name(name);
    auto answer = history_->List(core::Scope::OfFarm(), request);
    EXPECT_OK(answer);
    return answer.ok() ? *answer : v1::BuildHistoryResponse();
  }
  // The workers are heard of again after that time.
  void Later(absl::Duration time) {
    clock_.Advance(time);
    for (auto* worker : {one_.get(), two_.get()}) worker->Heartbeat();
  }

  std::unique_ptr<PlayedWorker> one_;
  std::unique_ptr<PlayedWorker> two_;
  std::unique_ptr<Rebuilds> rebuilds_;
  std::unique_ptr<RecipeHistory> history_;
  std::unique_ptr<Reverification> reverification_;
};

TEST_F(RecipeHistoryTest, TheFirstBadBuildIsNamedWithTheLineThatCameThere) {
  const int64_t good = Build("FROM scratch\nRUN one\n").id();
  const int64_t bad = Build("FROM scratch\nRUN one\nRUN dice\n").id();
  Build("FROM scratch\nRUN one\nRUN dice\nENV A=1\n");
  v1::BuildHistoryResponse history = History("app");
  ASSERT_EQ(history.rows_size(), 3);
  ASSERT_EQ(history.regressions_size(), 1);
  const v1::Regression& regression = history.regressions(0);
  EXPECT_EQ(regression.last_good(), good);
  EXPECT_EQ(regression.first_bad(), bad);
  EXPECT_EQ(regression.good_again(), 0);
  EXPECT_THAT(regression.reason(), HasSubstr("Dockerfile:3"));
  ASSERT_EQ(regression.steps_size(), 1);
  EXPECT_EQ(regression.steps(0).text(), "RUN dice");
  ASSERT_EQ(regression.changes().lines_size(), 1);
  EXPECT_EQ(regression.changes().lines(0).text(), "RUN dice");
  EXPECT_EQ(regression.changes().lines(0).now(), 3);

  const int64_t again = Build("FROM scratch\nRUN one\n").id();
  EXPECT_EQ(History("docker.io/library/app:7").regressions(0).good_again(), again);
  EXPECT_EQ(History("app").counts(0).unreproducible(), 2);
}

TEST_F(RecipeHistoryTest, AnUnknownNameIsNotFound) {
  Build("FROM scratch\nRUN one\n");
  v1::BuildHistoryRequest request;
  request.set_name("nothing");
  const auto answer = history_->List(core::Scope::OfFarm(), request);
  EXPECT_TRUE(absl::IsNotFound(answer.status()));
  request.set_name("app");
  request.set_limit(-1);
  EXPECT_TRUE(absl::IsInvalidArgument(history_->List(core::Scope::OfFarm(), request).status()));
}

TEST_F(RecipeHistoryTest, ARepositoryIsFoundByItsWholeAddress) {
  std::vector<int64_t> builds;
  for (const char* origin : {"git@host:team/app.git", "git@host:team/other.git"}) {
    auto submission = Submission("FROM scratch\nRUN one\n", 2);
    submission.mutable_recipe()->set_context_origin(origin);
    builds.push_back(WaitForEnd(Submit(submission)).id());
  }
  const v1::BuildHistoryResponse history = History("git@host:team/other.git");
  ASSERT_EQ(history.rows_size(), 1);
  EXPECT_EQ(history.rows(0).build_id(), builds[1]);
}

TEST_F(RecipeHistoryTest, WhatWasReproducibleLongAgoIsVerifiedAgainOnce) {
  const int64_t app = Build("FROM scratch\nRUN one\n").id();
  Build("FROM scratch\nRUN dice\n", "other:1");
  EXPECT_EQ(reverification_->Submit(absl::Hours(24), 10, false)->builds_size(), 0) << "it is young";
  Later(absl::Hours(25));
  const auto dry = reverification_->Submit(absl::Hours(24), 10, true);
  ASSERT_OK(dry);
  ASSERT_EQ(dry->builds_size(), 1) << "what is not reproducible is no claim";
  EXPECT_EQ(dry->builds(0).build_id(), app);
  EXPECT_EQ(dry->builds(0).rebuild(), 0);
  const auto submitted = reverification_->Submit(absl::Hours(24), 10, false);
  ASSERT_OK(submitted);
  ASSERT_EQ(submitted->builds_size(), 1);
  const v1::BuildView rebuild = WaitForEnd(submitted->builds(0).rebuild());
  EXPECT_EQ(rebuild.rebuild().build(), app);
  EXPECT_EQ(rebuild.options().verify(), 2) << "for as many hosts as the build";
  EXPECT_EQ(rebuild.cells(0).rebuild().result(), v1::RebuildComparison::RESULT_EQUAL);
  EXPECT_EQ(reverification_->Submit(absl::Hours(24), 10, false)->builds_size(), 0);
  EXPECT_TRUE(absl::IsInvalidArgument(reverification_->Submit(absl::Hours(24), 0, false).status()));
}

TEST_F(RecipeHistoryTest, TheTimerWaitsUntilTheFarmIsIdle) {
  Build("FROM scratch\nRUN one\n");
  Later(absl::Hours(25));
  std::atomic<bool> idle = false;
  std::atomic<int> asked = 0;
  reverification_->Start({.older_than = absl::Hours(24), .max = 1, .period = absl::Milliseconds(5)}, [&] {
    ++asked;
    return idle.load();
  });
  ASSERT_TRUE(Eventually([&] { return asked > 3; }));
  EXPECT_TRUE(absl::IsNotFound(engine_->reader().Get(2).status())) << "somebody else was served";
  idle = true;
  EXPECT_TRUE(Eventually([&] { return engine_->reader().Get(2).ok(); }));
  reverification_->Stop();
  EXPECT_TRUE(absl::IsNotFound(engine_->reader().Get(3).status())) << "once";
}

}  // namespace
}  // namespace crossmill::coordinator
