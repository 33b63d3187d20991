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

  absl::StatusOr<storage::BuildList::Page> ListAll(std::string_view filter = "") {
    return List(filter, 0, 10);
  }
  absl::StatusOr<storage::BuildList::Page> List(std::string_view filter, int64_t before, int limit) {
    const int64_t now = UnixNanos(clock_.Now());
    ASSIGN_OR_RETURN(const filter::Filter parsed, filter::ParseFilter(filter, now));
    return engine_->reader().List(core::Scope::OfFarm(), parsed, before, limit, now);
  }

  std::shared_ptr<HoldingLink> link_ = std::make_shared<HoldingLink>();
};

TEST_F(QuestionsTest, AreAnsweredWhileTheLoopIsBusy) {
  auto worker = NewWorker("w1");
  worker->PlayAll();
  const int64_t ended = Submit(Submission("FROM scratch\nRUN make a\n"));
  EXPECT_EQ(WaitForEnd(ended).status(), v1::BUILD_STATUS_SUCCEEDED);
  HoldLoop();
  const auto list = ListAll();
  const auto view = engine_->reader().Get(ended);
  const auto submission = engine_->reader().Submission(0);
  const auto packages = engine_->reader().Packages(ended);
  const auto events = engine_->reader().Events(ended, 1, 1000);
  link_->Open();
  ASSERT_OK(list);
  ASSERT_EQ(list->builds.size(), 1u);
  EXPECT_EQ(list->builds.front().status(), v1::BUILD_STATUS_SUCCEEDED);
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
    auto list = ListAll();
    return list.ok() && list->builds.size() == 1 ? list->builds.front() : v1::BuildView();
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

// What has not ended is filtered as it is now, and stands where its number says.
TEST_F(QuestionsTest, AFilterFindsWhatRunsAsItIsNow) {
  auto worker = NewWorker("w1");
  v1::BuildSubmission named = Submission("FROM scratch\nRUN make a\n");
  named.mutable_options()->add_tags("team/shop:1");
  const int64_t running = Submit(named);
  const auto lease = worker->NextLease();
  ASSERT_TRUE(lease);
  worker->StartStep(*lease, 0);
  const int64_t ended = Submit(Submission("FROM scratch\nENV A=b\n"));
  EXPECT_EQ(WaitForEnd(ended).status(), v1::BUILD_STATUS_SUCCEEDED);
  const auto ids = [&](std::string_view filter, int64_t before = 0, int limit = 10) {
    std::vector<int64_t> found;
    const auto page = List(filter, before, limit);
    EXPECT_OK(page);
    if (!page.ok()) return found;
    for (const v1::BuildView& view : page->builds) found.push_back(view.id());
    return found;
  };
  using Found = std::vector<int64_t>;
  EXPECT_TRUE(Eventually([&] { return ids("status:running") == Found{running}; }));
  EXPECT_EQ(ids(""), (Found{ended, running}));
  EXPECT_EQ(ids("status:succeeded"), Found{ended});
  EXPECT_EQ(ids("name:shop status:running,queued"), Found{running});
  EXPECT_EQ(ids("-name:shop"), Found{ended});
  EXPECT_EQ(ids("status:planning"), Found{}) << "it is no longer what its row in the record says";
  EXPECT_EQ(ids("", 0, 1), Found{ended});
  EXPECT_EQ(List("", 0, 1)->next, ended);
  EXPECT_EQ(ids("", ended, 1), Found{running});
  worker->FinishStep(*lease, 0);
  worker->FinishTask(*lease);
  WaitForEnd(running);
  EXPECT_TRUE(Eventually([&] { return ids("status:succeeded") == Found{ended, running}; }));
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
    auto list = ListAll();
    return list.ok() && list->builds.size() == 1 && list->builds.front().status() == v1::BUILD_STATUS_RUNNING;
  }));
  EXPECT_OK(engine_->Cancel(build, false));
  WaitForEnd(build);
}

}  // namespace
}  // namespace crossmill::coordinator
