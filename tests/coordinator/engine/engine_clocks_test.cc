// The wall clock is set while builds run: time-outs go by what really passed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/coordinator/engine/engine_fixture.h"

namespace crossmill::coordinator {
namespace {

class EngineClocksTest : public EngineTest {
 protected:
  void SetUp() override {
    passing_ = &passed_;
    EngineTest::SetUp();
  }
  // The engine has looked at everything since.
  void LetTick(PlayedWorker& busy) {
    const int64_t build = Submit(Submission("FROM scratch\nCOPY . /nothing\n"));
    EXPECT_TRUE(
        Eventually([&] { return engine_->reader().Get(build)->status() >= v1::BUILD_STATUS_RUNNING; }));
    busy.Heartbeat();
  }

  FakeClock passed_;
};

TEST_F(EngineClocksTest, AForwardJumpCostsNoTaskItsTry) {
  auto worker = NewWorker("w1");
  const int64_t build = Submit(Submission("FROM scratch\nRUN one\n"));
  const auto lease = worker->NextLease();
  ASSERT_TRUE(lease);
  clock_.Advance(absl::Hours(1));
  LetTick(*worker);
  LetTick(*worker);
  worker->StartStep(*lease, 0);
  worker->FinishStep(*lease, 0);
  worker->FinishTask(*lease);
  const v1::BuildView view = WaitForEnd(build);
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_SUCCEEDED);
  EXPECT_THAT(view.warnings(), testing::IsEmpty());
  EXPECT_GE(view.finished_at() - view.created_at(), absl::ToInt64Nanoseconds(absl::Hours(1)))
      << "people and the record have the wall clock";
}

TEST_F(EngineClocksTest, ABackwardJumpHidesNoSilence) {
  auto silent = NewWorker("w1");
  const int64_t build = Submit(Submission("FROM scratch\nRUN one\n"));
  ASSERT_TRUE(silent->NextLease());
  clock_.Advance(absl::Hours(-1));
  passed_.Advance(absl::Seconds(31));
  auto other = NewWorker("w2");
  other->PlayAll();
  EXPECT_EQ(WaitForEnd(build).status(), v1::BUILD_STATUS_SUCCEEDED);
}

}  // namespace
}  // namespace crossmill::coordinator
