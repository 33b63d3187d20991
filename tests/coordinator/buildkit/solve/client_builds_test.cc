#include "coordinator/buildkit/solve/client_builds.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator::buildkit {
namespace {

constexpr auto kLong = std::chrono::seconds(30);
constexpr auto kShort = std::chrono::milliseconds(20);

class ClientBuildsTest : public testing::Test {
 protected:
  std::shared_ptr<ClientBuild> Make(const std::string& reference, const std::string& caller = "a") {
    bk::SolveRequest request;
    request.set_ref(reference);
    CallerIdentity identity;
    identity.key = caller;
    return std::make_shared<ClientBuild>(identity, request, clock_);
  }

  FakeClock clock_;
  ClientBuilds builds_;
};

TEST_F(ClientBuildsTest, ACallThatComesFirstWaitsForItsBuild) {
  const auto build = Make("r1");
  std::jthread later([&] {
    std::this_thread::sleep_for(kShort);
    EXPECT_OK(builds_.Begin(build));
  });
  const auto found = builds_.Wait("a", "r1", kLong, {});
  ASSERT_OK(found);
  EXPECT_EQ(*found, build);
}

TEST_F(ClientBuildsTest, NobodyFindsTheBuildOfSomebodyElse) {
  ASSERT_OK(builds_.Begin(Make("r1", "a")));
  const auto found = builds_.Wait("b", "r1", kShort, {});
  EXPECT_TRUE(absl::IsNotFound(found.status()));
  EXPECT_EQ(found.status().message(), "no such job r1");
  EXPECT_EQ(builds_.FindBoard("b", "r1"), nullptr);
}

TEST_F(ClientBuildsTest, AReferenceIsUsedOnceAtATime) {
  const auto build = Make("r1");
  ASSERT_OK(builds_.Begin(build));
  EXPECT_TRUE(absl::IsAlreadyExists(builds_.Begin(Make("r1"))));
  EXPECT_OK(builds_.Begin(Make("r1", "b")));
  builds_.End(build);
  EXPECT_OK(builds_.Begin(Make("r1")));
}

TEST_F(ClientBuildsTest, AStoppedWaitEnds) {
  std::stop_source stop;
  std::jthread later([&] { stop.request_stop(); });
  EXPECT_TRUE(absl::IsCancelled(builds_.Wait("a", "r1", kLong, stop.get_token()).status()));
}

TEST_F(ClientBuildsTest, TheStatusOfABuildThatEndedCanBeRead) {
  const auto build = Make("r1");
  ASSERT_OK(builds_.Begin(build));
  build->board().Begin("x")->End();
  builds_.End(build);
  EXPECT_EQ(builds_.FindBoard("a", "r1"), build->shared_board());
  size_t place = 0;
  bk::StatusResponse response;
  EXPECT_TRUE(build->board().Next(&place, &response, {}));
  EXPECT_FALSE(build->board().Next(&place, &response, {}));
}

TEST_F(ClientBuildsTest, ACallerHasABound) {
  ClientBuilds few({.most = 10, .most_of_caller = 2, .ended = 0});
  ASSERT_OK(few.Begin(Make("1")));
  ASSERT_OK(few.Begin(Make("2")));
  EXPECT_TRUE(absl::IsResourceExhausted(few.Begin(Make("3"))));
  EXPECT_OK(few.Begin(Make("3", "b")));
}

TEST_F(ClientBuildsTest, WhatIsReturnedEndsTheWait) {
  const auto build = Make("r1");
  std::jthread later([&] {
    gateway::ReturnRequest returned;
    returned.mutable_error()->set_message("no");
    EXPECT_OK(build->Return(returned));
    EXPECT_TRUE(absl::IsFailedPrecondition(build->Return(returned)));
  });
  const auto returned = build->AwaitReturn();
  ASSERT_OK(returned);
  EXPECT_EQ(returned->error().message(), "no");
}

TEST_F(ClientBuildsTest, ACancelledBuildWaitsForNothing) {
  const auto build = Make("r1");
  std::jthread later([&] { build->Cancel(); });
  EXPECT_TRUE(absl::IsCancelled(build->AwaitReturn().status()));
}

TEST_F(ClientBuildsTest, ResultsAreTheCallersAndLiveWithTheirBuild) {
  const auto build = Make("r1");
  ASSERT_OK(builds_.Begin(build));
  const auto result = NewResult();
  EXPECT_EQ(result->id.size(), 32u);
  build->Keep(result);
  EXPECT_EQ(builds_.FindResult("a", result->id), result);
  EXPECT_EQ(builds_.FindResult("b", result->id), nullptr);
  builds_.End(build);
  EXPECT_EQ(builds_.FindResult("a", result->id), nullptr);
}

TEST_F(ClientBuildsTest, StopCancelsAndWaitsForTheEnd) {
  const auto build = Make("r1");
  ASSERT_OK(builds_.Begin(build));
  std::jthread solve([&] {
    EXPECT_TRUE(absl::IsCancelled(build->AwaitReturn().status()));
    builds_.End(build);
  });
  builds_.Stop();
  EXPECT_EQ(builds_.size(), 0u);
  EXPECT_TRUE(absl::IsUnavailable(builds_.Begin(Make("r2"))));
}

}  // namespace
}  // namespace crossmill::coordinator::buildkit
