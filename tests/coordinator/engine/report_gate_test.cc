// What workers report is read once for each step that it can count for, whatever else they say, and no more
// of it is held than there is room for.
#include "coordinator/engine/trust/report_gate.h"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "common/base/status.h"
#include "common/layer/layer_writer.h"
#include "tests/support/eventually.h"
#include "tests/support/forwarding_store.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

// Counts who is opened, and lets readers of large blobs wait.
class WatchedStore : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  absl::StatusOr<std::unique_ptr<BlobReader>> Open(const Digest& digest, int64_t offset) override {
    ++opened;
    while (closed) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return ForwardingStore::Open(digest, offset);
  }
  std::atomic<int> opened = 0;
  std::atomic<bool> closed = false;
};

class ReportGateTest : public ::testing::Test {
 protected:
  ReportGateTest() {
    gate_.Start([this](std::function<void()> work) { Post(std::move(work)); },
                [this](core::LeaseNumber) { return unfinished_; },
                [this](const std::string&, const v1::LeaseReport& report, const absl::Status& truth) {
                  delivered_.push_back({report, truth});
                });
  }

  // The loop is the test's thread.
  void Post(std::function<void()> work) {
    MutexLock lock(mutex_);
    posted_.push_back(std::move(work));
  }
  bool RunPosted() {
    std::vector<std::function<void()>> posted;
    {
      MutexLock lock(mutex_);
      posted.swap(posted_);
    }
    for (const auto& work : posted) work();
    return !posted.empty();
  }

  v1::StepResult ResultWith(uint32_t number, size_t bytes) {
    std::string tar;
    layer::LayerWriter writer([&](std::string_view more) { return tar.append(more), absl::OkStatus(); }, 0);
    layer::TarEntry entry;
    entry.path = fmt::format("file{}", number);
    entry.mode = 0644;
    entry.size = static_cast<int64_t>(bytes);
    EXPECT_OK(writer.Add(entry, [left = bytes](char* buffer, size_t size) mutable -> absl::StatusOr<size_t> {
      const size_t count = std::min(left, size);
      std::fill_n(buffer, count, 'x');
      left -= count;
      return count;
    }));
    const std::string manifest = writer.Finish()->Serialize();
    v1::StepResult result;
    result.set_number(number);
    ToProto(*memory_->PutBytes(tar), result.mutable_layer()->mutable_tar());
    ToProto(*memory_->PutBytes(manifest), result.mutable_layer()->mutable_manifest());
    return result;
  }
  static v1::LeaseReport ReportOf(std::vector<v1::StepResult> results) {
    v1::LeaseReport report;
    report.set_lease(7);
    for (v1::StepResult& result : results) *report.mutable_task_finished()->add_steps() = std::move(result);
    return report;
  }

  std::unique_ptr<BlobStore> memory_ = MakeMemoryBlobStore();
  WatchedStore store_{*memory_};
  ReportRoom room_;
  std::vector<uint32_t> unfinished_ = {1};
  std::vector<std::pair<v1::LeaseReport, absl::Status>> delivered_;
  Mutex mutex_;
  std::vector<std::function<void()>> posted_ ABSL_GUARDED_BY(mutex_);
  ReportGate gate_{store_};
};

TEST_F(ReportGateTest, LayersAreReadForStepsThatCanFinishAndOnce) {
  const v1::StepResult result = ResultWith(1, 1 << 20);
  std::vector<v1::StepResult> many(1000, result);
  gate_.Take("w", ReportOf(many), nullptr);
  ASSERT_TRUE(Eventually([&] { return RunPosted(); }));
  ASSERT_EQ(delivered_.size(), 1u);
  EXPECT_OK(delivered_[0].second);
  EXPECT_LE(store_.opened, 2) << "tar and manifest";

  // Its step is finished now: whatever is said of it is not read.
  unfinished_ = {2};
  v1::StepResult other = ResultWith(1, (1 << 20) + 1);
  gate_.Take("w", ReportOf({other}), nullptr);
  ASSERT_EQ(delivered_.size(), 2u) << "at once";
  EXPECT_LE(store_.opened, 2);
  // Nor is that of a step which comes later than one that did not finish.
  unfinished_ = {1, 2};
  v1::StepResult later = ResultWith(2, 1 << 20);
  gate_.Take("w", ReportOf({later}), nullptr);
  EXPECT_LE(store_.opened, 2);
}

TEST_F(ReportGateTest, ASuccessWithoutALayerIsNone) {
  v1::StepResult empty;
  empty.set_number(1);
  gate_.Take("w", ReportOf({empty}), nullptr);
  ASSERT_EQ(delivered_.size(), 1u);
  EXPECT_TRUE(absl::IsInvalidArgument(delivered_[0].second));
  // A failure has none.
  empty.set_exit_code(1);
  gate_.Take("w", ReportOf({empty}), nullptr);
  ASSERT_EQ(delivered_.size(), 2u);
  EXPECT_OK(delivered_[1].second);
}

TEST_F(ReportGateTest, NothingIsReadForALeaseThatIsGoneAndItsReportsAreAnswered) {
  store_.closed = true;
  gate_.Take("w", ReportOf({ResultWith(1, 1 << 20)}), room_.Enter("w", 100));
  ASSERT_TRUE(Eventually([&] { return store_.opened > 0; }));
  v1::LeaseReport log;
  log.set_lease(7);
  log.mutable_log()->set_data("behind it");
  gate_.Take("w", log, room_.Enter("w", 100));
  EXPECT_TRUE(delivered_.empty());
  gate_.Drop(7);
  EXPECT_TRUE(delivered_.empty()) << "not from within";
  ASSERT_TRUE(RunPosted());
  ASSERT_EQ(delivered_.size(), 2u);
  for (const auto& [report, truth] : delivered_) EXPECT_EQ(truth.code(), absl::StatusCode::kCancelled);
  store_.closed = false;
  gate_.Stop();
  RunPosted();
  EXPECT_EQ(delivered_.size(), 2u);
}

TEST(ReportRoomTest, FromWhoSaysMoreThanThereIsRoomForNothingIsReadForNow) {
  ReportRoom room(10'000);
  int read_on = 0;
  const auto later = [&] { ++read_on; };
  auto first = room.Enter("w", 9'000);
  EXPECT_TRUE(room.HasRoom("w", later));
  auto second = room.Enter("w", 9'000);
  EXPECT_FALSE(room.HasRoom("w", later));
  EXPECT_THAT(room.Waiting(), ::testing::ElementsAre("w"));
  EXPECT_TRUE(room.HasRoom("other", later));
  EXPECT_EQ(read_on, 0);
  first.reset();
  EXPECT_EQ(read_on, 1);
  EXPECT_TRUE(room.Waiting().empty());
  second.reset();
  EXPECT_EQ(read_on, 1) << "once";
}

TEST(ReportRoomTest, EmptyReportsTakeRoomToo) {
  ReportRoom room(2'000);
  std::vector<std::shared_ptr<ReportRoom::Place>> places;
  bool full = false;
  for (int i = 0; i < 100 && !full; ++i) {
    places.push_back(room.Enter("w", 0));
    full = !room.HasRoom("w", [] {});
  }
  EXPECT_TRUE(full);
  places.clear();
  EXPECT_TRUE(room.HasRoom("w", [] {}));
}

TEST(ReportRoomTest, AtTheEndThereIsRoomForAll) {
  ReportRoom room(10);
  bool read_on = false;
  const auto place = room.Enter("w", 80);
  EXPECT_FALSE(room.HasRoom("w", [&] { read_on = true; }));
  room.Stop();
  EXPECT_TRUE(read_on);
  EXPECT_TRUE(room.HasRoom("w", [] {}));
}

}  // namespace
}  // namespace crossmill::coordinator
