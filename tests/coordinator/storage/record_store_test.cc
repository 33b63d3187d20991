#include "coordinator/storage/record_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "common/base/files.h"
#include "common/base/status.h"
#include "coordinator/storage/connection.h"
#include "coordinator/storage/overview/build_list.h"
#include "tests/coordinator/storage/failing_disk.h"
#include "tests/coordinator/storage/full_disk.h"
#include "tests/support/status_matchers.h"

namespace crossmill::storage {
namespace {

bool EachBuild(const v1::BuildSubmission&, v1::BuildView*) { return true; }

using ::testing::ElementsAre;
using ::testing::IsEmpty;

v1::BuildSubmission Submission(const std::string& target = "app") {
  v1::BuildSubmission submission;
  submission.mutable_recipe()->set_dockerfile("FROM scratch\n");
  submission.mutable_recipe()->set_dockerfile_name("Dockerfile");
  submission.mutable_recipe()->set_target(target);
  submission.mutable_options()->set_verify(2);
  return submission;
}

v1::BuildEvent Notice(int64_t number, const std::string& text) {
  v1::BuildEvent event;
  event.set_number(number);
  event.set_time(1000 + number);
  event.mutable_notice()->set_text(text);
  return event;
}

std::unique_ptr<RecordStore> OpenStore(const std::string& path = ":memory:") {
  auto store = RecordStore::Open(path);
  EXPECT_OK(store);
  return *std::move(store);
}

class RecordStoreTest : public ::testing::Test {
 protected:
  int64_t Insert(std::string_view key = "", int64_t now = 100) {
    auto id = store_->InsertBuild(Submission(), key, "digest", now);
    EXPECT_OK(id);
    return *id;
  }
  void SetStatus(int64_t build, v1::BuildStatus status) {
    auto view = store_->LoadView(build);
    ASSERT_OK(view);
    view->set_status(status);
    ASSERT_OK(store_->SaveView(build, *view));
  }
  std::vector<int64_t> EventNumbers(int64_t build, int64_t from, int limit) {
    auto events = store_->Events(build, from, limit);
    EXPECT_OK(events);
    std::vector<int64_t> numbers;
    for (const v1::BuildEvent& event : *events) numbers.push_back(event.number());
    return numbers;
  }

  std::unique_ptr<RecordStore> store_ = OpenStore();
};

// ---- builds ----

TEST_F(RecordStoreTest, NewBuildHasAFirstView) {
  EXPECT_EQ(Insert("", 42), 1);
  auto view = store_->LoadView(1);
  ASSERT_OK(view);
  EXPECT_EQ(view->id(), 1);
  EXPECT_EQ(view->status(), v1::BUILD_STATUS_PLANNING);
  EXPECT_EQ(view->created_at(), 42);
  EXPECT_EQ(view->options().verify(), 2u);
  EXPECT_EQ(view->dockerfile_name(), "Dockerfile");
  EXPECT_EQ(view->target(), "app");
}

TEST_F(RecordStoreTest, UnknownBuildIsNotFoundEverywhere) {
  EXPECT_TRUE(absl::IsNotFound(store_->LoadView(5).status()));
  EXPECT_EQ(Sv(store_->LoadView(5).status().message()), "there is no build 5");
  EXPECT_TRUE(absl::IsNotFound(store_->LoadPlan(5).status()));
  EXPECT_TRUE(absl::IsNotFound(store_->SavePlan(5, {})));
  EXPECT_TRUE(absl::IsNotFound(store_->SaveView(5, {})));
  EXPECT_TRUE(absl::IsNotFound(store_->LatestBuild().status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(store_->AppendEvent(5, Notice(1, "x"))));
}

TEST_F(RecordStoreTest, SameKeyInTheWindowFindsTheBuild) {
  const int64_t old = Insert("key", 100);
  const int64_t recent = Insert("key", 200);
  EXPECT_EQ(store_->FindIdempotent("key", 0).value()->build_id, recent);
  EXPECT_EQ(store_->FindIdempotent("key", 200).value()->submission_digest, "digest");
  EXPECT_FALSE(store_->FindIdempotent("key", 201).value().has_value());
  EXPECT_FALSE(store_->FindIdempotent("other", 0).value().has_value());
  EXPECT_LT(old, recent);
}

TEST_F(RecordStoreTest, EmptyKeyIsNoKey) {
  Insert("");
  EXPECT_FALSE(store_->FindIdempotent("", 0).value().has_value());
}

TEST_F(RecordStoreTest, PlanAndViewComeBackAsSaved) {
  const int64_t build = Insert();
  EXPECT_TRUE(absl::IsNotFound(store_->LoadPlan(build).status()));
  v1::BuildPlan plan;
  plan.add_stages()->set_name("builder");
  ASSERT_OK(store_->SavePlan(build, plan));
  EXPECT_EQ(store_->LoadPlan(build).value().SerializeAsString(), plan.SerializeAsString());
  v1::BuildView view;
  view.set_id(build);
  view.set_status(v1::BUILD_STATUS_FAILED);
  view.set_finished_at(900);
  view.set_message("step 3 failed");
  ASSERT_OK(store_->SaveView(build, view));
  EXPECT_EQ(store_->LoadView(build).value().SerializeAsString(), view.SerializeAsString());
}

TEST_F(RecordStoreTest, TheLatestBuildIsTheOneThatWasInsertedLast) {
  for (int i = 0; i < 5; ++i) Insert();
  EXPECT_EQ(*store_->LatestBuild(), 5);
}

TEST_F(RecordStoreTest, OnlyBuildsInAFinalStatusAreFinished) {
  for (int status = v1::BUILD_STATUS_PLANNING; status <= v1::BUILD_STATUS_TIMED_OUT; ++status) {
    SetStatus(Insert(), static_cast<v1::BuildStatus>(status));
  }
  v1::BuildPlan plan;
  plan.set_epoch(7);
  ASSERT_OK(store_->SavePlan(2, plan));
  auto unfinished = store_->UnfinishedBuilds();
  ASSERT_OK(unfinished);
  ASSERT_EQ(unfinished->size(), 3u);
  EXPECT_EQ((*unfinished)[0].id, 1);
  EXPECT_FALSE((*unfinished)[0].plan.has_value());
  EXPECT_EQ((*unfinished)[1].plan->epoch(), 7);
  EXPECT_EQ((*unfinished)[1].submitted_at, 100);
  EXPECT_EQ((*unfinished)[1].submission.recipe().target(), "app");
  EXPECT_EQ((*unfinished)[2].view.status(), v1::BUILD_STATUS_RUNNING);
}

// ---- events ----

TEST_F(RecordStoreTest, EventsAreReadFromAnyNumber) {
  const int64_t build = Insert();
  EXPECT_EQ(*store_->LastEventNumber(build), 0);
  for (int64_t number = 1; number <= 4; ++number) ASSERT_OK(store_->AppendEvent(build, Notice(number, "n")));
  const int64_t other = Insert();
  ASSERT_OK(store_->AppendEvent(other, Notice(1, "other")));
  EXPECT_EQ(*store_->LastEventNumber(build), 4);
  EXPECT_THAT(EventNumbers(build, 0, 10), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(EventNumbers(build, 3, 10), ElementsAre(3, 4));
  EXPECT_THAT(EventNumbers(build, 2, 2), ElementsAre(2, 3));
  EXPECT_THAT(EventNumbers(build, 5, 10), IsEmpty());
}

TEST_F(RecordStoreTest, UnreadableEventIsNamedAndNotSkipped) {
  constexpr Sql kDamage{"damage an event", "UPDATE events SET event = x'ff' WHERE number = 2"};
  constexpr Sql kLose{"lose an event", "DELETE FROM events WHERE number = 2"};
  constexpr Sql kSwap{
      "swap events",
      "UPDATE events SET event = (SELECT event FROM events WHERE number = 3) WHERE number = 2"};
  for (const Sql* sql : {&kDamage, &kSwap, &kLose}) {
    const int64_t build = Insert();
    for (int64_t number = 1; number <= 3; ++number)
      ASSERT_OK(store_->AppendEvent(build, Notice(number, "n")));
    {
      RecursiveMutexLock lock(store_->connection().mutex());
      ASSERT_OK(store_->connection().Run(*sql));
    }
    const absl::Status status = store_->Events(build, 1, 10).status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << sql->purpose << ": " << status;
    EXPECT_THAT(std::string(status.message()),
                ::testing::HasSubstr("event 2 of build " + std::to_string(build)));
    EXPECT_THAT(EventNumbers(build, 3, 10), ElementsAre(3));
    EXPECT_EQ(*store_->LastEventNumber(build), 3);
  }
}

TEST_F(RecordStoreTest, ChangeThatTheDiskRefusesEndsTheTransaction) {
  FailingDisk disk;
  const TemporaryFolder folder = *TemporaryFolder::Create();
  auto store = OpenStore(folder.Path("record.db"));
  constexpr Sql kSmallCache{"shrink the cache", "PRAGMA cache_size=1"};
  {
    RecursiveMutexLock lock(store->connection().mutex());
    ASSERT_OK(store->connection().Run(kSmallCache));
  }
  v1::BuildSubmission large = Submission();
  large.mutable_recipe()->set_dockerfile(std::string(1 << 20, 'x'));
  // Once: what comes after it would work.
  disk.FailAt(1, FailingDisk::Mode::kOnce);
  const absl::Status status = store->Transact([&] {
    EXPECT_FALSE(store->InsertBuild(large, "", "", 1).ok());
    store->InsertBuild(Submission(), "", "", 1).IgnoreError();
    return absl::OkStatus();
  });
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_EQ(disk.failed(), 1);
  EXPECT_THAT(BuildList(store->connection()).NotEnded(0, 100, EachBuild)->builds, IsEmpty());
  // The next transaction is another one.
  EXPECT_OK(store->Transact([&] { return store->InsertBuild(Submission(), "", "", 1).status(); }));
  // A constraint is the caller's business.
  EXPECT_OK(store->Transact([&] {
    EXPECT_FALSE(store->AppendEvent(77, Notice(1, "of no build")).ok());
    return store->InsertBuild(Submission(), "", "", 1).status();
  }));
  EXPECT_EQ(BuildList(store->connection()).NotEnded(0, 100, EachBuild)->builds.size(), 2u);
}

TEST_F(RecordStoreTest, EventNumbersHaveNoGapsAndNoRepetition) {
  const int64_t build = Insert();
  EXPECT_TRUE(absl::IsInvalidArgument(store_->AppendEvent(build, Notice(2, "gap"))));
  ASSERT_OK(store_->AppendEvent(build, Notice(1, "first")));
  EXPECT_TRUE(absl::IsInvalidArgument(store_->AppendEvent(build, Notice(1, "again"))));
  EXPECT_THAT(EventNumbers(build, 0, 10), ElementsAre(1));
}

// ---- transactions ----

TEST_F(RecordStoreTest, FailingBodyUndoesEverythingAndItsStatusComesBack) {
  const absl::Status status = store_->Transact([&]() -> absl::Status {
    const int64_t build = Insert();
    RETURN_IF_ERROR(store_->AppendEvent(build, Notice(1, "x")));
    EXPECT_OK(store_->LoadView(build));
    return absl::CancelledError("changed my mind");
  });
  EXPECT_EQ(status, absl::CancelledError("changed my mind"));
  EXPECT_TRUE(absl::IsNotFound(store_->LoadView(1).status()));
  EXPECT_THAT(EventNumbers(1, 0, 10), IsEmpty());
  // The lock is free and the connection usable.
  EXPECT_OK(store_->InsertBuild(Submission(), "", "", 1));
}

TEST_F(RecordStoreTest, NestedFailureUndoesOnlyItsPart) {
  ASSERT_OK(store_->Transact([&]() -> absl::Status {
    const int64_t build = Insert();
    RETURN_IF_ERROR(store_->AppendEvent(build, Notice(1, "kept")));
    const absl::Status nested = store_->Transact([&]() -> absl::Status {
      RETURN_IF_ERROR(store_->AppendEvent(build, Notice(2, "undone")));
      return absl::AbortedError("no");
    });
    EXPECT_TRUE(absl::IsAborted(nested));
    return store_->AppendEvent(build, Notice(2, "instead"));
  }));
  auto events = store_->Events(1, 1, 10);
  ASSERT_OK(events);
  ASSERT_EQ(events->size(), 2u);
  EXPECT_EQ((*events)[1].notice().text(), "instead");
}

TEST_F(RecordStoreTest, TransactionsOfThreadsDoNotMix) {
  const int64_t build = Insert();
  std::atomic<int> failures = 0;
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&, thread] {
        for (int i = 0; i < 25; ++i) {
          const absl::Status status = store_->Transact([&]() -> absl::Status {
            ASSIGN_OR_RETURN(const int64_t last, store_->LastEventNumber(build));
            RETURN_IF_ERROR(store_->AppendEvent(build, Notice(last + 1, "a")));
            // Every second transaction fails after writing.
            if (thread % 2 == 1) return absl::AbortedError("no");
            return store_->AppendEvent(build, Notice(last + 2, "b"));
          });
          if (!status.ok() && !absl::IsAborted(status)) ++failures;
          if (!store_->Events(build, 1, 3).ok()) ++failures;
        }
      });
    }
  }
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(*store_->LastEventNumber(build), 2 * 25 * 2);
}

TEST(RecordStoreFileTest, KillLeavesWhatWasCommittedAndNothingElse) {
  auto folder = TemporaryFolder::Create();
  ASSERT_OK(folder);
  const std::string path = folder->Path("record.sqlite");
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto store = RecordStore::Open(path);
    if (!store.ok() || !(*store)->InsertBuild(Submission("kept"), "", "", 1).ok()) _exit(1);
    (void)(*store)->Transact([&]() -> absl::Status {
      if (!(*store)->InsertBuild(Submission("lost"), "", "", 2).ok()) _exit(2);
      if (!(*store)->AppendEvent(1, Notice(1, "lost")).ok()) _exit(3);
      kill(getpid(), SIGKILL);
      return absl::OkStatus();
    });
    _exit(4);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status)) << WEXITSTATUS(status);
  auto store = OpenStore(path);
  auto unfinished = store->UnfinishedBuilds();
  ASSERT_OK(unfinished);
  ASSERT_EQ(unfinished->size(), 1u);
  EXPECT_EQ((*unfinished)[0].submission.recipe().target(), "kept");
  EXPECT_EQ(*store->LastEventNumber(1), 0);
}

TEST(RecordStoreFileTest, FullDiskFailsTheWholeTransactionAndOnlyThat) {
  auto folder = TemporaryFolder::Create();
  ASSERT_OK(folder);
  auto store = OpenStore(folder->Path("record.sqlite"));
  ASSERT_OK(store->InsertBuild(Submission(), "", "", 1));
  {
    const FullDisk full(64 << 10);
    const absl::Status status = store->Transact([&]() -> absl::Status {
      RETURN_IF_ERROR(store->AppendEvent(1, Notice(1, "small")));
      // More than SQLite's page cache, so that it has to write before the commit. A body that
      // ignores the error cannot write the rest by itself.
      (void)store->AppendEvent(1, Notice(2, std::string(20'000'000, 'x')));
      (void)store->InsertBuild(Submission(), "", "", 2);
      return absl::OkStatus();
    });
    EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  }
  EXPECT_EQ(*store->LastEventNumber(1), 0);
  EXPECT_EQ(*store->LatestBuild(), 1);
  ASSERT_OK(store->AppendEvent(1, Notice(1, "room again")));
}

// ---- exports ----

TEST_F(RecordStoreTest, LastSavedExportCounts) {
  EXPECT_FALSE(store_->FindExport("key").value().has_value());
  ASSERT_OK(store_->SaveExport("key", {DigestOf("one"), std::nullopt, "w1", 1}));
  EXPECT_FALSE(store_->FindExport("key").value()->paths.has_value());
  // Nothing noted is something else than not noted.
  ASSERT_OK(store_->SaveExport("key", {DigestOf("two"), v1::ExportedPaths(), "w1", 1}));
  EXPECT_TRUE(store_->FindExport("key").value()->paths.has_value());
  v1::ExportedPaths paths;
  paths.add_trees("app/releases/1");
  ASSERT_OK(store_->SaveExport("key", {DigestOf("three"), paths, "w1", 1}));
  const auto found = store_->FindExport("key").value();
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->blob, DigestOf("three"));
  EXPECT_EQ(found->paths->SerializeAsString(), paths.SerializeAsString());
}

// ---- leases ----

LeaseRow Lease(int64_t build, const std::string& worker) {
  LeaseRow row;
  row.build = build;
  row.stage = 3;
  row.replica = 1;
  row.worker = worker;
  row.task.set_name("b1/linux-arm64/builder/r1");
  row.granted_at = 77;
  return row;
}

// Records a lease under the next number and returns it.
uint64_t Grant(RecordStore& store, LeaseRow row) {
  row.number = *store.NextLease();
  EXPECT_OK(store.InsertLease(row));
  return row.number;
}

TEST_F(RecordStoreTest, ActiveLeasesAreThoseNotEnded) {
  const int64_t build = Insert();
  EXPECT_EQ(Grant(*store_, Lease(build, "w1")), 1u);
  EXPECT_EQ(Grant(*store_, Lease(build, "w2")), 2u);
  ASSERT_OK(store_->EndLease(1, "succeeded"));
  auto active = store_->ActiveLeases();
  ASSERT_OK(active);
  ASSERT_EQ(active->size(), 1u);
  EXPECT_EQ((*active)[0].number, 2u);
  EXPECT_EQ((*active)[0].build, build);
  EXPECT_EQ((*active)[0].stage, 3u);
  EXPECT_EQ((*active)[0].replica, 1u);
  EXPECT_EQ((*active)[0].worker, "w2");
  EXPECT_EQ((*active)[0].task.name(), "b1/linux-arm64/builder/r1");
  EXPECT_EQ((*active)[0].granted_at, 77);
}

TEST_F(RecordStoreTest, LeaseEndsOnce) {
  const uint64_t lease = Grant(*store_, Lease(Insert(), "w"));
  ASSERT_OK(store_->EndLease(lease, "expired"));
  EXPECT_TRUE(absl::IsAborted(store_->EndLease(lease, "succeeded")));
  EXPECT_TRUE(absl::IsNotFound(store_->EndLease(lease + 1, "succeeded")));
}

TEST_F(RecordStoreTest, LeaseNumbersGrowOverReopening) {
  auto folder = TemporaryFolder::Create();
  ASSERT_OK(folder);
  const std::string path = folder->Path("record.sqlite");
  uint64_t first = 0;
  {
    auto store = OpenStore(path);
    const int64_t build = *store->InsertBuild(Submission(), "", "", 1);
    first = Grant(*store, Lease(build, "w"));
  }
  EXPECT_GT(Grant(*OpenStore(path), Lease(1, "w")), first);
}

// ---- workers ----

TEST_F(RecordStoreTest, WorkerIsReplacedByName) {
  v1::WorkerInfo info;
  info.set_name("b");
  info.set_slots(2);
  ASSERT_OK(store_->SaveWorker(info, 10));
  info.set_slots(4);
  ASSERT_OK(store_->SaveWorker(info, 20));
  info.set_name("a");
  ASSERT_OK(store_->SaveWorker(info, 15));
  auto workers = store_->Workers();
  ASSERT_OK(workers);
  ASSERT_EQ(workers->size(), 2u);
  EXPECT_EQ((*workers)[0].info.name(), "a");
  EXPECT_EQ((*workers)[1].info.slots(), 4u);
  EXPECT_EQ((*workers)[1].last_seen, 20);
}

}  // namespace
}  // namespace crossmill::storage
