// A record that cannot be written: whatever write fails, nobody hears of what was not recorded, and a
// coordinator that is started again ends the build right.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>

#include "common/base/blob_store.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/words/words.h"
#include "coordinator/engine/engine.h"
#include "coordinator/storage/connection.h"
#include "tests/coordinator/engine/engine_fixture.h"
#include "tests/coordinator/storage/failing_disk.h"
#include "tests/support/fake_clock.h"
#include "tests/support/image_fixture.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

using storage::FailingDisk;

constexpr storage::Sql kSmallCache{"shrink the cache", "PRAGMA cache_size=1"};
constexpr const char* kDockerfile =
    "FROM scratch AS a\nRUN one\nRUN two\nFROM scratch\nCOPY --from=a /one /two\nRUN three\n";

// A coordinator on a disk that fails, and what was heard from it.
class FailingFarm {
 public:
  explicit FailingFarm(FailingDisk& disk) : disk_(disk) {}
  ~FailingFarm() { Stop(); }

  // `small_cache`: statements write, not only commits.
  void Start(bool small_cache) {
    auto records = storage::RecordStore::Open(folder_.Path("record.db"));
    ASSERT_OK(records);
    records_ = *std::move(records);
    if (small_cache) {
      storage::Connection& connection = records_->connection();
      storage::RecursiveMutexLock lock(connection.mutex());
      ASSERT_OK(connection.Run(kSmallCache));
    }
    logs_ = std::make_unique<storage::LogStore>(folder_.Path("logs"));
    images_ = std::make_unique<ImageFixture>(*blobs_, *records_);
    EngineOptions options;
    options.on_failure = [this](const absl::Status& reason) {
      EXPECT_TRUE(absl::IsUnavailable(reason));
      ++failures_;
    };
    engine_ = std::make_unique<Engine>(*records_, *logs_, *blobs_, images_->store(), images_->assembler(),
                                       clock_, options);
    ASSERT_OK(engine_->Start());
  }

  void Stop() {
    if (engine_) engine_->Stop();
    worker_.reset();
    engine_.reset();
    images_.reset();
    logs_.reset();
    records_.reset();
  }

  // True: the answer came.
  bool Submit() {
    const auto submitted = engine_->Submit(SubmissionOf(*blobs_, kDockerfile), "one-key");
    if (!submitted.ok()) {
      EXPECT_TRUE(absl::IsUnavailable(submitted.status())) << submitted.status();
      return false;
    }
    EXPECT_TRUE(build_ == 0 || submitted->build == build_) << "a promised build was lost";
    build_ = submitted->build;
    return true;
  }

  void PlayWorker(const std::string& name) {
    worker_ = std::make_unique<PlayedWorker>(*engine_, *blobs_, name, "host-" + name);
    worker_->PlayAll();
    worker_->Connect({});
  }

  // Reads events until the build or the coordinator ends.
  void Listen() {
    const auto watcher = engine_->Watch(build_, static_cast<int64_t>(heard_.size()) + 1, false);
    if (!watcher.ok()) return;
    bool ended = false;
    while (!ended && failures_ == 0) {
      const auto item = (*watcher)->Next(std::chrono::milliseconds(20), &ended);
      if (item && item->event) heard_.push_back(item->event->SerializeAsString());
    }
    while (const auto item = (*watcher)->Next(std::chrono::milliseconds(0), &ended)) {
      if (item->event) heard_.push_back(item->event->SerializeAsString());
    }
  }

  // The first life: until it fails or the build has ended.
  void FirstLife(bool small_cache, int fail_at, FailingDisk::Mode mode) {
    Start(small_cache);
    disk_.FailAt(fail_at, mode);
    PlayWorker("w1");
    if (Submit()) Listen();
    sent_leases_ = worker_->Desired();
    if (failures_ > 0) {
      // Nothing is done any more, also when the disk works again.
      disk_.Repair();
      // What is committed can be read; a build that is under way has nobody who knows how far it is.
      const auto view = engine_->reader().Get(0);
      EXPECT_TRUE(view.ok() ? IsFinished(view->status())
                            : absl::IsUnavailable(view.status()) || absl::IsNotFound(view.status()))
          << view.status();
      EXPECT_TRUE(absl::IsUnavailable(engine_->Cancel(1, false)));
      EXPECT_EQ(worker_->Desired(), sent_leases_);
    }
    Stop();
    disk_.Repair();
  }

  // The second: everything that was said still holds, and the build ends right.
  void SecondLife() {
    const int failures = failures_;
    failures_ = 0;
    Start(false);
    if (!sent_leases_.empty()) {
      EXPECT_GT(records_->NextLease().value(), *sent_leases_.rbegin());
    }
    ASSERT_TRUE(Submit());
    // The first worker is gone for good.
    clock_.Advance(absl::Seconds(31));
    PlayWorker("w2");
    Listen();
    const auto view = engine_->reader().Get(build_);
    ASSERT_OK(view);
    if (failures == 0 && view->status() == v1::BUILD_STATUS_INFRASTRUCTURE_FAILED) {
      // It was the write of a job (an image's record), which promises nothing: the build says so, once.
      EXPECT_NE(view->message().find("disk"), std::string::npos) << view->message();
    } else {
      EXPECT_EQ(view->status(), v1::BUILD_STATUS_SUCCEEDED)
          << view->message() << " after " << failures << " failures";
    }
    EXPECT_TRUE(records_->ActiveLeases()->empty());
    EXPECT_TRUE(records_->UnfinishedExecutions()->empty());
    EXPECT_TRUE(records_->UnfinishedBuilds()->empty());
    const auto events = records_->Events(build_, 1, 1 << 20);
    ASSERT_OK(events);
    std::vector<std::string> recorded;
    for (const v1::BuildEvent& event : *events) recorded.push_back(event.SerializeAsString());
    EXPECT_EQ(heard_, recorded) << "a watcher over the restart heard something else than what is recorded";
    EXPECT_EQ(failures_, 0);
  }

  int failures() const { return failures_; }

 private:
  FailingDisk& disk_;
  const TemporaryFolder folder_ = *TemporaryFolder::Create();
  FakeClock clock_;
  std::unique_ptr<BlobStore> blobs_ = MakeMemoryBlobStore();
  std::unique_ptr<storage::RecordStore> records_;
  std::unique_ptr<storage::LogStore> logs_;
  std::unique_ptr<ImageFixture> images_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<PlayedWorker> worker_;
  std::atomic<int> failures_ = 0;
  int64_t build_ = 0;
  std::vector<std::string> heard_;
  std::set<uint64_t> sent_leases_;
};

struct Disk {
  const char* name;
  bool small_cache;
  FailingDisk::Mode mode;
};

class RecordFailureTest : public ::testing::TestWithParam<Disk> {};

TEST_P(RecordFailureTest, WhateverWriteFailsNothingWrongFollows) {
  int writes = 0;
  {
    FailingDisk disk;
    FailingFarm farm(disk);
    farm.FirstLife(GetParam().small_cache, 0, GetParam().mode);
    ASSERT_EQ(farm.failures(), 0);
    writes = disk.count();
  }
  ASSERT_GT(writes, 50);
  // Each batch writes several pages and syncs once; a stride that meets all of them over the runs.
  const int stride = std::max(1, writes / 16) | 1;
  int failed = 0;
  for (int number = 1; number <= writes; number += stride) {
    SCOPED_TRACE(testing::Message() << "write " << number << " of " << writes);
    FailingDisk disk;
    FailingFarm farm(disk);
    farm.FirstLife(GetParam().small_cache, number, GetParam().mode);
    failed += farm.failures();
    farm.SecondLife();
    if (HasFatalFailure() || HasNonfatalFailure()) return;
  }
  // About every second run fails; which write meets which batch depends on the threads.
  EXPECT_GT(failed, 4) << "the disk hardly ever failed";
}

INSTANTIATE_TEST_SUITE_P(Disks, RecordFailureTest,
                         testing::Values(Disk{"StaysFull", false, FailingDisk::Mode::kFromThenOn},
                                         Disk{"FailsOnce", false, FailingDisk::Mode::kOnce},
                                         Disk{"FailsInStatements", true, FailingDisk::Mode::kOnce}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace crossmill::coordinator
