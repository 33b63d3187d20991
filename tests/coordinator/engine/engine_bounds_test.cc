// What one build, and a full disk, may do to the engine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <string>

#include "common/base/status.h"
#include "coordinator/engine/engine.h"
#include "coordinator/room/disk_room.h"
#include "tests/coordinator/engine/engine_fixture.h"

namespace crossmill::coordinator {
namespace {

using ::testing::HasSubstr;

int64_t EventsOf(const std::vector<LoopTimes>& all, const std::string& kind) {
  for (const LoopTimes& times : all) {
    if (times.kind == kind) return times.events;
  }
  return 0;
}

class SlicedEngineTest : public EngineTest {
 protected:
  // Every stage is an event of its own.
  void Adjust(EngineOptions* options) override { options->advance_slice = std::chrono::milliseconds(0); }

  // Stages that have nothing to do with each other, and one that copies from all of them.
  static std::string Wide(int stages) {
    std::string text, copies;
    for (int i = 0; i < stages; ++i) {
      text += fmt::format("FROM scratch AS s{0}\nRUN make {0}\n", i);
      copies += fmt::format("COPY --from=s{0} /made /{0}\n", i);
    }
    return text + "FROM scratch\n" + copies;
  }
};

TEST_F(SlicedEngineTest, ManyStagesAreAdvancedInManyEvents) {
  auto worker = NewWorker("w1");
  worker->PlayAll();
  const v1::BuildView view = WaitForEnd(Submit(Submission(Wide(20))));
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_SUCCEEDED) << view.message();
  EXPECT_GE(EventsOf(engine_->reader().LoopEvents(), "advance"), 10);
  // What is cached goes the same way.
  EXPECT_EQ(WaitForEnd(Submit(Submission(Wide(20)))).status(), v1::BUILD_STATUS_SUCCEEDED);
}

TEST_F(SlicedEngineTest, ABuildThatIsCancelledInBetweenIsAdvancedNoFurther) {
  const int64_t build = Submit(Submission(Wide(50)));
  ASSERT_OK(engine_->Cancel(build, false));
  EXPECT_EQ(WaitForEnd(build).status(), v1::BUILD_STATUS_CANCELLED);
}

TEST_F(SlicedEngineTest, WhatACancelledBuildLeftIsEndedInPartsAndNobodyGetsAnyOfIt) {
  const int64_t build = Submit(Submission(Wide(350)));
  ASSERT_TRUE(Eventually([&] { return EventsOf(engine_->reader().LoopEvents(), "advance") >= 350; }));
  ASSERT_OK(engine_->Cancel(build, false));
  auto worker = NewWorker("w1");
  worker->PlayAll();
  // Of another build, which has to wait until all is ended.
  EXPECT_EQ(WaitForEnd(Submit(Submission("FROM scratch\nRUN other\n"))).status(), v1::BUILD_STATUS_SUCCEEDED);
  EXPECT_EQ(worker->steps_run(), 1);
  EXPECT_GE(EventsOf(engine_->reader().LoopEvents(), "unwanted"), 3);
  EXPECT_EQ(WaitForEnd(build).status(), v1::BUILD_STATUS_CANCELLED);
}

TEST(LoopWatch, TellsTheLongestAndCountsTheSlow) {
  LoopWatch watch;
  watch.Note("job", std::chrono::milliseconds(10));
  watch.Note("job", std::chrono::milliseconds(70));
  watch.Note("job", std::chrono::milliseconds(60));
  watch.Note("report", std::chrono::milliseconds(1));
  { const LoopWatch::Timer timer(watch, "tick"); }
  const std::vector<LoopTimes> all = watch.Read();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].kind, "job");
  EXPECT_EQ(all[0].events, 3);
  EXPECT_EQ(all[0].slow, 2);
  EXPECT_EQ(all[0].longest, std::chrono::milliseconds(70));
  EXPECT_EQ(all[1].slow, 0);
  EXPECT_EQ(all[2].kind, "tick");
}

// The disk has as much room as the test says.
class FullDiskEngineTest : public EngineTest {
 protected:
  void Adjust(EngineOptions* options) override {
    std::filesystem::create_directories(folder_->Path("disk"));
    room_ = std::make_unique<DiskRoom>(
        DiskRoomOptions{.folder = folder_->Path("disk"),
                        .least_space = 100,
                        .reserve_bytes = 1,
                        .interval = absl::Milliseconds(5),
                        .measure = [this](const std::string&) -> absl::StatusOr<DiskSpace> {
                          return DiskSpace{.free = free_, .total = 1000};
                        }});
    options->room = room_.get();
  }
  void TearDown() override {
    EngineTest::TearDown();
    room_.reset();
  }
  void SetFree(uint64_t free) {
    free_ = free;
    room_->Look();
  }
  bool WasTold(int64_t build, const std::string& words) {
    const auto events = engine_->reader().Events(build, 1, 1000);
    for (const v1::BuildEvent& event : *events) {
      if (event.notice().text().find(words) != std::string::npos) return true;
    }
    return false;
  }

  std::atomic<uint64_t> free_ = 1000;
  std::unique_ptr<DiskRoom> room_;
};

TEST_F(FullDiskEngineTest, SubmissionsAreRefusedWithTheReasonAndRepeatedOnesAreNot) {
  const auto submission = Submission("FROM scratch\nRUN one\n");
  const int64_t build = Submit(submission, "a-key");
  SetFree(99);
  const auto refused = engine_->Submit(Submission("FROM scratch\nRUN two\n"), "");
  EXPECT_TRUE(absl::IsResourceExhausted(refused.status()));
  EXPECT_THAT(std::string(Sv(refused.status().message())), HasSubstr("takes nothing new below"));
  EXPECT_EQ(Submit(submission, "a-key"), build);
  SetFree(1000);
  EXPECT_OK(engine_->Submit(Submission("FROM scratch\nRUN two\n"), ""));
}

TEST_F(FullDiskEngineTest, WorkersGetNothingWhileResultsFindNoRoomAndBuildsAreTold) {
  const int64_t build = Submit(Submission("FROM scratch\nRUN one\n"));
  ASSERT_TRUE(Eventually([&] { return engine_->reader().Get(build)->status() == v1::BUILD_STATUS_RUNNING; }));
  SetFree(49);
  auto worker = NewWorker("w1");
  worker->PlayAll();
  EXPECT_TRUE(Eventually([&] { return WasTold(build, "the build waits: the coordinator's disk"); }));
  EXPECT_EQ(worker->steps_run(), 0);
  SetFree(1000);
  EXPECT_EQ(WaitForEnd(build).status(), v1::BUILD_STATUS_SUCCEEDED);
  EXPECT_TRUE(WasTold(build, "there is room on the coordinator's disk again"));
}

}  // namespace
}  // namespace crossmill::coordinator
