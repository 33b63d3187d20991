// Where the engine has tasks placed, beside what the scheduler decides from what it is told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/coordinator/engine/engine_fixture.h"

namespace crossmill::coordinator {
namespace {

using EnginePlacingTest = EngineTest;

// Of two idle workers the first by name would be taken.
TEST_F(EnginePlacingTest, AStageGoesWhereItsBaseStageWasMadeIfThatIsLarge) {
  for (const bool large : {true, false}) {
    const std::string word = large ? "large" : "small";
    auto maker = NewWorker("z-" + word, "host-z");
    maker->WeighOn(word, large ? 3 << 20 : 50);
    const int64_t build =
        Submit(Submission("FROM scratch AS base\nRUN " + word + "\nFROM base\nRUN next-" + word + "\n"));
    const auto lease = maker->NextLease();
    ASSERT_TRUE(lease);
    auto other = NewWorker("a-" + word, "host-a");
    maker->FinishStep(*lease, 0);
    maker->FinishTask(*lease);
    PlayedWorker& expected = large ? *maker : *other;
    const auto next = expected.NextLease();
    ASSERT_TRUE(next) << word;
    expected.FinishStep(*next, 0);
    expected.FinishTask(*next);
    EXPECT_EQ(WaitForEnd(build).status(), v1::BUILD_STATUS_SUCCEEDED);
    maker->Disconnect();
    other->Disconnect();
  }
}

TEST_F(EnginePlacingTest, AMachineThatIsBusyGetsStepsThatAreKnownToWait) {
  auto worker = NewWorker("w", "host");
  worker->UseOn("sleep", 0.0);
  worker->UseOn("spin", 1.9);
  worker->PlayAll();
  for (const char* word : {"sleep", "spin"}) {
    WaitForEnd(Submit(Submission(std::string("FROM scratch\nRUN ") + word + "\n")));
  }
  worker->Disconnect();
  // The record was written by the one, the other is asked for the same commands.
  auto fresh = std::make_unique<PlayedWorker>(*engine_, *blobs_, "w2", "host");
  fresh->FollowLoad(2);
  fresh->Connect({});
  auto submission = Submission(
      "FROM scratch AS a\nRUN spin\nFROM scratch AS b\nRUN --mount=type=tmpfs,target=/x spin\n"
      "FROM scratch AS c\nRUN sleep\nFROM scratch\nCOPY --from=a /x /a\nCOPY --from=b /x /b\n"
      "COPY --from=c /x /c\n");
  submission.mutable_options()->set_no_cache(true);
  clock_.Advance(absl::Seconds(1));  // or they would be executions of this build
  Submit(submission);
  EXPECT_TRUE(Eventually([&] { return fresh->Desired().size() == 2; }))
      << "one that computes, and the sleeper";
  fresh->Heartbeat();
  EXPECT_EQ(fresh->Desired().size(), 2u);
}

// Four stages wait for two places; one of them has a chain of others behind it.
TEST_F(EnginePlacingTest, TheStageThatMostWaitForIsExecutedFirst) {
  const int64_t build =
      Submit(Submission("FROM scratch AS a\nRUN a\nFROM scratch AS b\nRUN b\nFROM scratch AS c\nRUN c\n"
                        "FROM scratch AS d\nRUN d\nFROM d AS e\nRUN e\nFROM scratch\nCOPY --from=a /a /a\n"
                        "COPY --from=b /b /b\nCOPY --from=c /c /c\nCOPY --from=e /e /e\n"));
  ASSERT_TRUE(Eventually([&] { return engine_->reader().Get(build)->stages_size() == 6; }));
  auto worker = NewWorker("w");
  ASSERT_TRUE(Eventually([&] { return worker->Desired().size() == 2; }));
  const auto first = worker->NextLease();
  ASSERT_TRUE(first);
  EXPECT_EQ(worker->TaskOf(*first).steps(0).text(), "RUN d");
  EXPECT_EQ(worker->TaskOf(worker->NextLease().value()).steps(0).text(), "RUN a");
}

TEST_F(EnginePlacingTest, WhatTookLongBeforeIsExecutedFirst) {
  auto before = NewWorker("w1");
  before->UseOn("long", 0.1, 60);
  before->UseOn("short", 0.1, 1);
  before->PlayAll();
  for (const char* word : {"long", "short"}) {
    WaitForEnd(Submit(Submission(std::string("FROM scratch\nRUN ") + word + "\n")));
  }
  before->Disconnect();
  auto submission = Submission(
      "FROM scratch AS a\nRUN short\nFROM scratch AS b\nRUN never-seen\nFROM scratch AS c\nRUN long\n"
      "FROM scratch\nCOPY --from=a /short /a\nCOPY --from=b /never-seen /b\nCOPY --from=c /long /c\n");
  submission.mutable_options()->set_no_cache(true);
  clock_.Advance(absl::Seconds(1));
  const int64_t build = Submit(submission);
  ASSERT_TRUE(Eventually([&] { return engine_->reader().Get(build)->stages_size() == 4; }));
  auto worker = NewWorker("w2");
  const auto first = worker->NextLease();
  const auto second = worker->NextLease();
  ASSERT_TRUE(first && second);
  EXPECT_EQ(worker->TaskOf(*first).steps(0).text(), "RUN long");
  EXPECT_EQ(worker->TaskOf(*second).steps(0).text(), "RUN never-seen");
}

}  // namespace
}  // namespace crossmill::coordinator
