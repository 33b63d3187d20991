// Workers that are not believed: what they report is read before it counts, and an operator can take all of
// it back.
#include <gmock/gmock.h>

#include "coordinator/engine/trust/distrust.h"
#include "tests/coordinator/engine/engine_fixture.h"

namespace crossmill::coordinator {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class EngineTrustTest : public EngineTest {
 protected:
  storage::TrustRecords trust() { return storage::TrustRecords(records_->connection()); }
  absl::StatusOr<Distrusted> Distrusts(const std::string& worker, absl::Time since = absl::InfinitePast()) {
    storage::TrustRecords records = trust();
    return Distrust(records, records, drained_, clock_).Do(worker, since);
  }
  absl::Status Trusts(const std::string& worker) {
    storage::TrustRecords records = trust();
    return Distrust(records, records, drained_, clock_).Undo(worker);
  }
  static std::vector<int64_t> IdsOf(const Distrusted& distrusted) {
    std::vector<int64_t> ids;
    for (const ReachedBuild& build : distrusted.builds) ids.push_back(build.id);
    return ids;
  }
};

TEST_F(EngineTrustTest, UntrueReportIsTheWorkersFaultAndAnotherDoesTheStep) {
  auto liar = NewWorker("w1", "host-a");
  liar->LieOn("two");
  liar->PlayAll();
  const int64_t build = Submit(Submission("FROM scratch\nRUN one\nRUN two\n"));
  ASSERT_TRUE(Eventually([&] { return !trust().Untrue()->empty(); }));
  auto honest = NewWorker("w2", "host-b");
  honest->PlayAll();
  const v1::BuildView view = WaitForEnd(build);
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_SUCCEEDED) << view.message();
  EXPECT_EQ(view.stages(0).steps(1).worker(), "w2");
  EXPECT_THAT(view.warnings(), Contains(HasSubstr("worker w1 reported what is not so: ")));
  const auto untrue = *trust().Untrue();
  ASSERT_TRUE(untrue.contains("w1"));
  EXPECT_EQ(untrue.at("w1").reports, 1) << "it got nothing more to do";
  EXPECT_THAT(untrue.at("w1").last, HasSubstr("the manifest is not that of the layer"));
  EXPECT_TRUE(drained_.Contains("w1"));
}

// What is large is read beside the loop: reports that come meanwhile keep their order.
TEST_F(EngineTrustTest, LargeLayersAreReadBesideTheLoopInTheOrderOfTheReports) {
  auto worker = NewWorker("w1");
  for (const char* word : {"one", "two", "three"}) worker->WeighOn(word, 3 << 20);
  worker->LieOn("three");
  const int64_t build = Submit(Submission("FROM scratch\nRUN one\nRUN two\nRUN three\nRUN four\n"));
  const auto lease = worker->NextLease();
  ASSERT_TRUE(lease);
  for (int i = 0; i < 4; ++i) worker->FinishStep(*lease, i);
  worker->FinishTask(*lease);
  ASSERT_TRUE(Eventually([&] { return !trust().Untrue()->empty(); }));
  auto honest = NewWorker("w2", "host-b");
  honest->WeighOn("three", 3 << 20);
  honest->PlayAll();
  const v1::BuildView view = WaitForEnd(build);
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_SUCCEEDED) << view.message();
  std::vector<std::string> workers;
  for (const v1::StepView& step : view.stages(0).steps()) workers.push_back(step.worker());
  EXPECT_THAT(workers, ElementsAre("w1", "w1", "w2", "w2")) << "what was true stays";
  EXPECT_EQ(honest->steps_run(), 2);
  EXPECT_TRUE(Eventually([&] { return worker->Acknowledged().contains(*lease); })) << "it forgets the result";
}

TEST_F(EngineTrustTest, ExportThatIsNotThereIsNotBelieved) {
  auto worker = NewWorker("w1");
  const int64_t build =
      Submit(Submission("FROM scratch AS from\nRUN one\nFROM scratch\nCOPY --from=from /one /\n"));
  const auto lease = worker->NextLease();
  ASSERT_TRUE(lease);
  worker->FinishStep(*lease, 0);
  v1::LeaseReport report;
  report.set_lease(*lease);
  report.mutable_task_finished()->set_outcome(v1::TASK_OUTCOME_SUCCEEDED);
  v1::ExportResult& exported = *report.mutable_task_finished()->add_exports();
  *exported.mutable_export_() = worker->TaskOf(*lease).exports(0);
  ToProto(DigestOf("nowhere"), exported.mutable_blob());
  engine_->WorkerReport("w1", report);
  ASSERT_TRUE(Eventually([&] { return engine_->reader().Get(build)->warnings_size() > 0; }));
  worker->PlayAll();
  const v1::BuildView view = WaitForEnd(build);
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_SUCCEEDED) << view.message();
  EXPECT_THAT(view.warnings(), Contains(HasSubstr("an export that is not in the blob store")));
}

// A worker could have others use what it made up under the key of an export.
TEST_F(EngineTrustTest, ExportsThatNobodyAskedForAreNotKept) {
  auto worker = NewWorker("w1");
  const std::string from = "FROM scratch AS from\nRUN one\n";
  const int64_t build = Submit(Submission(from + "FROM scratch\nCOPY --from=from /one /\n"));
  const auto lease = worker->NextLease();
  ASSERT_TRUE(lease);
  worker->FinishStep(*lease, 0);
  v1::LeaseReport report;
  report.set_lease(*lease);
  v1::TaskResult& finished = *report.mutable_task_finished();
  finished.set_outcome(v1::TASK_OUTCOME_SUCCEEDED);
  const auto add = [&](const std::string& pattern) {
    v1::ExportResult& exported = *finished.add_exports();
    *exported.mutable_export_() = worker->TaskOf(*lease).exports(0);
    if (!pattern.empty()) exported.mutable_export_()->set_pattern(pattern);
    ToProto(*blobs_->PutBytes("made up"), exported.mutable_blob());
  };
  add("/other");
  engine_->WorkerReport("w1", report);
  worker->PlayAll();
  ASSERT_EQ(WaitForEnd(build).status(), v1::BUILD_STATUS_SUCCEEDED);
  const int before = worker->exports_made();
  const v1::BuildView other =
      WaitForEnd(Submit(Submission(from + "FROM scratch\nCOPY --from=from /other /\n")));
  ASSERT_EQ(other.status(), v1::BUILD_STATUS_SUCCEEDED) << other.message();
  EXPECT_EQ(worker->exports_made(), before + 1) << "made, not found";
}

TEST_F(EngineTrustTest, NothingOfADistrustedWorkerIsReusedAndAllItReachedIsListed) {
  const std::string recipe = "FROM scratch\nRUN one\nRUN two\n";
  auto first = NewWorker("w1", "host-a");
  first->PlayAll();
  const int64_t made = Submit(Submission(recipe));
  ASSERT_EQ(WaitForEnd(made).status(), v1::BUILD_STATUS_SUCCEEDED);
  first->Disconnect();
  auto second = NewWorker("w2", "host-b");
  second->PlayAll();
  ASSERT_TRUE(Eventually([&] {
    const auto workers = engine_->reader().Workers();
    return std::any_of(workers.begin(), workers.end(), [](const core::WorkerStatus& each) {
      return each.info.name() == "w1" && !each.connected;
    });
  }));
  // w2 adds to w1's, copies from it, and makes something of its own.
  const int64_t reused = Submit(Submission(recipe + "RUN three\n"));
  const int64_t copied =
      Submit(Submission("FROM scratch AS from\nRUN one\nFROM scratch\nCOPY --from=from /one /\n"));
  const int64_t own = Submit(Submission("FROM scratch\nRUN own\n"));
  for (const int64_t build : {reused, copied, own})
    ASSERT_EQ(WaitForEnd(build).status(), v1::BUILD_STATUS_SUCCEEDED);
  const int before = second->steps_run();

  const auto distrusted = Distrusts("w1");
  ASSERT_OK(distrusted);
  EXPECT_EQ(distrusted->results, 2);
  EXPECT_THAT(IdsOf(*distrusted), ElementsAre(made, reused, copied));
  const auto again = Distrusts("w1");
  ASSERT_OK(again);
  EXPECT_EQ(again->results, 0);
  EXPECT_EQ(IdsOf(*again), IdsOf(*distrusted)) << "the list stays";

  const v1::BuildView anew = WaitForEnd(Submit(Submission(recipe)));
  ASSERT_EQ(anew.status(), v1::BUILD_STATUS_SUCCEEDED);
  EXPECT_EQ(second->steps_run(), before + 2);
  for (const v1::StepView& step : anew.stages(0).steps()) EXPECT_EQ(step.worker(), "w2");
  // What it made itself is a hit as before.
  WaitForEnd(Submit(Submission("FROM scratch\nRUN own\n")));
  EXPECT_EQ(second->steps_run(), before + 2);
}

TEST_F(EngineTrustTest, DistrustLastsOverARestartAndTrustBringsNothingOldBack) {
  const auto submission = Submission("FROM scratch\nRUN one\n");
  auto worker = NewWorker("w1");
  worker->PlayAll();
  WaitForEnd(Submit(submission));
  EXPECT_EQ(worker->steps_run(), 1);
  ASSERT_OK(Distrusts("w1"));
  worker.reset();
  StopCoordinator();
  drained_.SetDistrusted("w1", false);
  StartCoordinator();
  storage::TrustRecords records = trust();
  ASSERT_OK(Distrust(records, records, drained_, clock_).Restore());
  EXPECT_TRUE(drained_.IsDistrusted("w1"));
  worker = NewWorker("w1");
  worker->PlayAll();
  const int64_t build = Submit(submission);
  ASSERT_TRUE(Eventually([&] { return engine_->reader().Counts().tasks_queued == 1; }));
  EXPECT_EQ(worker->steps_run(), 0) << "it gets nothing";
  ASSERT_OK(Trusts("w1"));
  EXPECT_EQ(WaitForEnd(build).status(), v1::BUILD_STATUS_SUCCEEDED);
  EXPECT_EQ(worker->steps_run(), 1) << "the old result is gone, the new one counts";
  WaitForEnd(Submit(submission));
  EXPECT_EQ(worker->steps_run(), 1);
  EXPECT_TRUE(absl::IsNotFound(Trusts("w1")));
}

TEST_F(EngineTrustTest, OnlyWhatFinishedSinceThenIsTakenBack) {
  auto worker = NewWorker("w1");
  worker->PlayAll();
  const auto early = Submission("FROM scratch\nRUN early\n");
  WaitForEnd(Submit(early));
  clock_.Advance(absl::Seconds(10));
  const absl::Time since = clock_.Now();
  const int64_t late = Submit(Submission("FROM scratch\nRUN late\n"));
  WaitForEnd(late);
  const auto distrusted = Distrusts("w1", since);
  ASSERT_OK(distrusted);
  EXPECT_EQ(distrusted->results, 1);
  EXPECT_THAT(IdsOf(*distrusted), ElementsAre(late));
  EXPECT_EQ(WaitForEnd(Submit(early)).status(), v1::BUILD_STATUS_SUCCEEDED) << "without any worker";
  const auto nobody = Distrusts("w9");
  ASSERT_OK(nobody);
  EXPECT_THAT(nobody->builds, IsEmpty());
}

TEST_F(EngineTrustTest, WhatADistrustedWorkerRunsIsGivenToOthers) {
  auto worker = NewWorker("w1", "host-a");
  const int64_t build = Submit(Submission("FROM scratch\nRUN one\n"));
  const auto lease = worker->NextLease();
  ASSERT_TRUE(lease);
  worker->StartStep(*lease, 0);
  ASSERT_OK(Distrusts("w1"));
  worker->FinishStep(*lease, 0);
  worker->FinishTask(*lease);
  auto other = NewWorker("w2", "host-b");
  other->PlayAll();
  const v1::BuildView view = WaitForEnd(build);
  EXPECT_EQ(view.status(), v1::BUILD_STATUS_SUCCEEDED) << view.message();
  EXPECT_EQ(view.stages(0).steps(0).worker(), "w2");
  EXPECT_THAT(view.warnings(), Contains(HasSubstr("worker w1 is distrusted")));
}

}  // namespace
}  // namespace crossmill::coordinator
