#include "coordinator/engine/transaction_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <thread>

#include "common/base/files.h"
#include "coordinator/storage/overview/build_list.h"
#include "tests/coordinator/storage/full_disk.h"
#include "tests/support/eventually.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

bool EachBuild(const v1::BuildSubmission&, v1::BuildView*) { return true; }

using std::chrono::milliseconds;
using ::testing::ElementsAre;

class TransactionLoopTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto folder = TemporaryFolder::Create();
    ASSERT_OK(folder);
    folder_ = std::make_unique<TemporaryFolder>(*std::move(folder));
    auto records = storage::RecordStore::Open(folder_->Path("record.db"));
    ASSERT_OK(records);
    records_ = *std::move(records);
    loop_ = std::make_unique<TransactionLoop>(
        *records_, [this] { ++ticks_; }, milliseconds(5),
        [this](const absl::Status& reason) {
          failure_ = reason;
          ++failures_;
        });
  }
  void TearDown() override { loop_.reset(); }

  // Holds the loop until Release, so that what is posted meanwhile becomes one batch.
  void Hold() {
    std::promise<void> entered;
    loop_->Post([this, &entered] {
      entered.set_value();
      gate_.get_future().wait();
    });
    entered.get_future().wait();
  }
  void Release() { gate_.set_value(); }

  int Builds() {
    return static_cast<int>(
        storage::BuildList(records_->connection()).NotEnded(0, 100, EachBuild)->builds.size());
  }

  std::unique_ptr<TemporaryFolder> folder_;
  std::unique_ptr<storage::RecordStore> records_;
  std::atomic<int> ticks_ = 0;
  std::atomic<int> failures_ = 0;
  absl::Status failure_;
  std::promise<void> gate_;
  std::unique_ptr<TransactionLoop> loop_;
};

TEST_F(TransactionLoopTest, WorkRunsInTheOrderItWasPosted) {
  std::vector<int> order;
  for (int i = 0; i < 100; ++i) loop_->Post([&order, i] { order.push_back(i); });
  loop_->Stop();
  ASSERT_EQ(order.size(), 100u);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST_F(TransactionLoopTest, CallReturnsItsValueOrItsError) {
  EXPECT_EQ(loop_->Call<int>([] { return 4711; }).value(), 4711);
  EXPECT_TRUE(absl::IsNotFound(
      loop_->Call<int>([]() -> absl::StatusOr<int> { return absl::NotFoundError("no"); }).status()));
}

TEST_F(TransactionLoopTest, NothingIsAnsweredBeforeItIsCommitted) {
  // Another connection sees only what is committed.
  auto outside = storage::RecordStore::Open(folder_->Path("record.db"));
  ASSERT_OK(outside);
  int seen_inside = -1;
  const auto build = loop_->Call<int64_t>([&]() -> absl::StatusOr<int64_t> {
    auto id = records_->InsertBuild({}, "", "", 1);
    seen_inside = static_cast<int>(
        storage::BuildList((*outside)->connection()).NotEnded(0, 100, EachBuild)->builds.size());
    return id;
  });
  ASSERT_OK(build);
  EXPECT_EQ(seen_inside, 0);
  EXPECT_OK((*outside)->LoadView(*build));
}

TEST_F(TransactionLoopTest, EffectsFollowTheWholeBatchInOrder) {
  std::vector<std::string> told;
  Hold();
  loop_->Post([&] {
    told.push_back("work 1");
    loop_->AfterCommit([&] { told.push_back("effect 1"); });
  });
  loop_->Post([&] {
    told.push_back("work 2");
    loop_->AfterCommit([&] { told.push_back("effect 2"); });
  });
  Release();
  loop_->Stop();
  EXPECT_THAT(told, ElementsAre("work 1", "work 2", "effect 1", "effect 2"));
}

TEST_F(TransactionLoopTest, WhatCouldNotBeMadeDurableIsNotPromised) {
  std::atomic<bool> done = false;
  std::atomic<bool> failed = false;
  absl::StatusOr<int64_t> answer = 0;
  {
    const storage::FullDisk full(1 << 20);
    answer = loop_->Call<int64_t>([&]() -> absl::StatusOr<int64_t> {
      loop_->AfterCommit([&] { done = true; }, [&](const absl::Status&) { failed = true; });
      v1::BuildSubmission submission;
      submission.mutable_recipe()->set_dockerfile(std::string(20'000'000, 'x'));
      (void)records_->InsertBuild(submission, "", "", 1);
      return 1;
    });
  }
  EXPECT_TRUE(absl::IsUnavailable(answer.status())) << answer.status();
  EXPECT_FALSE(done);
  EXPECT_TRUE(failed);
  EXPECT_EQ(Builds(), 0);
  // Also now that the disk is not full any more: memory is ahead of the record.
  EXPECT_TRUE(Eventually([&] { return failures_ == 1; }));
  const int ticks = ticks_;
  const auto later = loop_->Call<int64_t>([&] { return records_->InsertBuild({}, "", "", 1); });
  EXPECT_TRUE(absl::IsUnavailable(later.status()));
  EXPECT_THAT(std::string(later.status().message()), ::testing::HasSubstr("insert a build"));
  EXPECT_EQ(Builds(), 0);
  EXPECT_EQ(ticks_, ticks);
}

TEST_F(TransactionLoopTest, FailedBatchTakesEverythingWithItThatWaits) {
  std::atomic<int> done = 0;
  std::atomic<int> told = 0;
  const auto effect = [&] {
    loop_->AfterCommit([&] { ++done; },
                       [&](const absl::Status& status) {
                         EXPECT_TRUE(absl::IsUnavailable(status));
                         EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("disk of stone"));
                         ++told;
                       });
  };
  std::vector<std::jthread> callers;
  std::atomic<int> refused = 0;
  Hold();
  loop_->Post(effect);
  loop_->Post([&] {
    effect();
    (void)records_->InsertBuild({}, "", "", 1);
    loop_->Require(absl::OkStatus());
    loop_->Require(absl::UnavailableError("disk of stone"));
  });
  loop_->Post([&] { ++done; });
  for (int i = 0; i < 3; ++i) {
    callers.emplace_back([&] {
      if (absl::IsUnavailable(loop_->Call<int>([&] { return ++done, 1; }).status())) ++refused;
    });
  }
  Release();
  callers.clear();
  EXPECT_EQ(refused, 3) << "whoever waited for the batch, or behind it";
  EXPECT_EQ(done, 0);
  EXPECT_EQ(told, 2);
  EXPECT_EQ(Builds(), 0);
  EXPECT_TRUE(Eventually([&] { return failures_ == 1; }));
  EXPECT_THAT(std::string(failure_.message()), ::testing::HasSubstr("disk of stone"));
}

TEST_F(TransactionLoopTest, WriteThatFailedCannotBePassedOver) {
  {
    const storage::FullDisk full(1 << 20);
    loop_->Post([&] {
      v1::BuildSubmission submission;
      submission.mutable_recipe()->set_dockerfile(std::string(20'000'000, 'x'));
      records_->InsertBuild(submission, "", "", 1).IgnoreError();
    });
    EXPECT_TRUE(Eventually([&] { return failures_ == 1; }));
  }
  EXPECT_EQ(Builds(), 0);
}

TEST_F(TransactionLoopTest, TicksWithoutWork) {
  const int before = ticks_;
  EXPECT_TRUE(Eventually([&] { return ticks_ > before + 2; }));
}

TEST_F(TransactionLoopTest, StopDoesWhatWaitsAndThenRefuses) {
  std::atomic<int> done = 0;
  Hold();
  for (int i = 0; i < 10; ++i) loop_->Post([&] { ++done; });
  Release();
  loop_->Stop();
  EXPECT_EQ(done, 10);
  loop_->Post([&] { ++done; });
  EXPECT_TRUE(absl::IsUnavailable(loop_->Call<int>([] { return 1; }).status()));
  EXPECT_EQ(done, 10);
}

TEST_F(TransactionLoopTest, ManyCallersEachGetTheirOwnAnswer) {
  std::vector<std::jthread> callers;
  std::atomic<int> right = 0;
  for (int caller = 0; caller < 8; ++caller) {
    callers.emplace_back([&, caller] {
      for (int i = 0; i < 50; ++i) {
        const auto value = loop_->Call<int>([caller, i] { return caller * 1000 + i; });
        if (value.ok() && *value == caller * 1000 + i) ++right;
      }
    });
  }
  callers.clear();
  EXPECT_EQ(right, 400);
}

}  // namespace
}  // namespace crossmill::coordinator
