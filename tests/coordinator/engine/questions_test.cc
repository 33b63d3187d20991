// Questions of clients neither wait for the transaction loop nor see what is not committed.
#include <gtest/gtest.h>

#include <future>
#include <memory>

#include "coordinator/engine/engine.h"
#include "tests/coordinator/engine/engine_fixture.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

// Whoever sends to it waits: so does the loop.
class HoldingLink final : public WorkerLink {
 public:
  void Send(const v1::SynchronizeResponse&) override {
    if (!std::exchange(held_, true)) arrived_.set_value();
    gate_.wait();
  }
  void WaitForLoop() { arrived_.get_future().wait(); }
  void Open() { opened_.set_value(); }

 private:
  bool held_ = false;
  std::promise<void> arrived_, opened_;
  std::shared_future<void> gate_ = opened_.get_future().share();
};

class QuestionsTest : public EngineTest {
 protected:
  void HoldLoop() {
    v1::WorkerState state;
    state.mutable_info()->set_name("holding");
    state.mutable_info()->set_host_id("host-h");
    engine_->WorkerState(link_, state);
    link_->WaitForLoop();
  }

  std::shared_ptr<HoldingLink> link_ = std::make_shared<HoldingLink>();
};

TEST_F(QuestionsTest, AreAnsweredWhileTheLoopIsBusy) {
  auto worker = NewWorker("w1");
  worker->PlayAll();
  const int64_t ended = Submit(Submission("FROM scratch\nRUN make a\n"));
  EXPECT_EQ(WaitForEnd(ended).status(), v1::BUILD_STATUS_SUCCEEDED);
  HoldLoop();
  const auto list = engine_->reader().List(0, 10);
  const auto view = engine_->reader().Get(ended);
  const auto submission = engine_->reader().Submission(0);
  const auto packages = engine_->reader().Packages(ended);
  const auto events = engine_->reader().Events(ended, 1, 1000);
  link_->Open();
  ASSERT_OK(list);
  ASSERT_EQ(list->size(), 1u);
  EXPECT_EQ(list->front().status(), v1::BUILD_STATUS_SUCCEEDED);
  ASSERT_OK(view);
  EXPECT_EQ(view->stages_size(), 1);
  EXPECT_OK(submission);
  EXPECT_OK(packages);
  ASSERT_OK(events);
  EXPECT_FALSE(events->empty());
}

TEST_F(QuestionsTest, ARunningBuildIsListedAsItIs) {
  const int64_t build = Submit(Submission("FROM scratch\nRUN make a\n"));
  auto worker = NewWorker("w1");
  const auto lease = worker->NextLease();
  ASSERT_TRUE(lease);
  worker->StartStep(*lease, 0);
  const auto listed = [&] {
    auto list = engine_->reader().List(0, 10);
    return list.ok() && list->size() == 1 ? list->front() : v1::BuildView();
  };
  EXPECT_TRUE(Eventually([&] { return listed().status() == v1::BUILD_STATUS_RUNNING; }));
  HoldLoop();
  const v1::BuildView view = listed();
  link_->Open();
  EXPECT_EQ(view.id(), build);
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_RUNNING);
  EXPECT_EQ(view.cells_size(), 1);
  EXPECT_EQ(view.stages_size(), 0) << "a list is without stages";
  worker->FinishStep(*lease, 0);
  worker->FinishTask(*lease);
  WaitForEnd(build);
  EXPECT_EQ(listed().status(), v1::BUILD_STATUS_SUCCEEDED);
}

TEST_F(QuestionsTest, ABuildIsListedAsItIsAfterARestart) {
  const int64_t build = Submit(Submission("FROM scratch\nRUN make a\n"));
  auto worker = NewWorker("w1");
  const auto lease = worker->NextLease();
  ASSERT_TRUE(lease);
  worker.reset();
  StopCoordinator();
  StartCoordinator();
  EXPECT_TRUE(Eventually([&] {
    auto list = engine_->reader().List(0, 10);
    return list.ok() && list->size() == 1 && list->front().status() == v1::BUILD_STATUS_RUNNING;
  }));
  EXPECT_OK(engine_->Cancel(build, false));
  WaitForEnd(build);
}

}  // namespace
}  // namespace crossmill::coordinator
