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
    maker->WeighOn(word, large ? 50 << 20 : 50);
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
  Submit(submission);
  EXPECT_TRUE(Eventually([&] { return fresh->Desired().size() == 2; }))
      << "one that computes, and the sleeper";
  fresh->Heartbeat();
  EXPECT_EQ(fresh->Desired().size(), 2u);
}

}  // namespace
}  // namespace crossmill::coordinator
