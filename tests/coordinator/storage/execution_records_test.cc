#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/files.h"
#include "common/base/status.h"
#include "coordinator/storage/record_store.h"
#include "coordinator/storage/trust/accelerator_records.h"
#include "tests/support/status_matchers.h"

namespace crossmill::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

v1::StepResult Success(std::string_view layer) {
  v1::StepResult result;
  ToProto(DigestOf(layer), result.mutable_layer()->mutable_tar());
  ToProto(DigestOf("manifest"), result.mutable_layer()->mutable_manifest());
  result.set_content_bytes(4711);
  result.set_started_at(1000);
  result.set_finished_at(1250);
  return result;
}

v1::StepResult Failure() {
  v1::StepResult result;
  result.set_exit_code(2);
  result.set_failure("exit code 2");
  return result;
}

class ExecutionRecordsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto store = RecordStore::Open(":memory:");
    ASSERT_OK(store);
    store_ = *std::move(store);
    auto build = store_->InsertBuild({}, "", "", 1);
    ASSERT_OK(build);
    build_ = *build;
  }

  int64_t Begin(int64_t started_at, uint32_t replica = 0, bool emulated = false,
                std::string_view key = "key") {
    Execution execution;
    execution.key = key;
    execution.build = build_;
    execution.stage = 1;
    execution.step_number = 4;
    execution.replica = replica;
    execution.worker = "w1";
    execution.host_id = "boot-id";
    execution.host_name = "host";
    execution.emulated = emulated;
    execution.started_at = started_at;
    auto id = store_->BeginExecution(execution);
    EXPECT_OK(id);
    return *id;
  }
  int64_t Execute(int64_t started_at, int64_t finished_at, const v1::StepResult& result, uint32_t replica = 0,
                  bool emulated = false) {
    const int64_t id = Begin(started_at, replica, emulated);
    EXPECT_OK(store_->FinishExecution(id, result, finished_at));
    return id;
  }
  // 0: nothing reusable.
  int64_t Reusable(int64_t since = 0, bool forbid_emulation = false) {
    auto found = store_->FindReusable("key", since, forbid_emulation);
    EXPECT_OK(found);
    return found->has_value() ? (*found)->id : 0;
  }
  std::vector<int64_t> WitnessIds(int64_t since, int64_t failures_since = 0) {
    auto witnesses = store_->Witnesses("key", since, failures_since);
    EXPECT_OK(witnesses);
    std::vector<int64_t> ids;
    for (const Execution& execution : *witnesses) ids.push_back(execution.id);
    return ids;
  }

  std::unique_ptr<RecordStore> store_;
  int64_t build_ = 0;
};

TEST_F(ExecutionRecordsTest, WhatWasVariedIsAWitnessAndNeverReused) {
  Execution execution;
  execution.key = "key";
  execution.build = build_;
  execution.worker = "w1";
  execution.replica = 1;
  execution.variation = 1;
  execution.started_at = 100;
  const auto id = store_->BeginExecution(execution);
  ASSERT_OK(id);
  v1::StepResult result = Success("layer");
  v1::Circumstance& told = *result.add_circumstances();
  told.set_aspect(v1::ASPECT_HOST_NAME);
  told.set_value("other");
  told.set_asked(true);
  result.add_normalizations()->set_rule("moon");
  for (const char* rule : {"machine-id", "apt-logs", "apt-logs"}) {
    v1::Normalization& normalization = *result.add_normalizations();
    normalization.set_rule(rule);
    normalization.set_files(3);
    for (int i = 0; i < 40; ++i) normalization.add_package_files(i == 0 ? std::string(5000, 'x') : "usr/a");
  }
  ASSERT_OK(store_->FinishExecution(*id, result, 200));
  EXPECT_EQ(Reusable(), 0);
  const auto witnesses = store_->Witnesses("key", 0, 0);
  ASSERT_OK(witnesses);
  ASSERT_EQ(witnesses->size(), 1u);
  EXPECT_EQ(witnesses->front().variation, 1u);
  ASSERT_EQ(witnesses->front().circumstances.size(), 1u);
  EXPECT_EQ(witnesses->front().circumstances[0].value(), "other");
  EXPECT_TRUE(witnesses->front().circumstances[0].asked());
  // Only what a step can have done is believed.
  const auto& normalizations = witnesses->front().normalizations;
  ASSERT_EQ(normalizations.size(), 2u);
  EXPECT_EQ(normalizations[0].rule(), "apt-logs");
  EXPECT_EQ(normalizations[1].rule(), "machine-id");
  EXPECT_EQ(normalizations[1].files(), 3u);
  EXPECT_EQ(normalizations[1].package_files_size(), 16);
  EXPECT_EQ(normalizations[1].package_files(0), "usr/a");
}

v1::StepResult AcceleratedSuccess(std::string_view layer, const std::string& digest) {
  v1::StepResult result = Success(layer);
  result.mutable_acceleration()->set_set("debian-test-arm64");
  result.mutable_acceleration()->set_digest(digest);
  result.mutable_acceleration()->add_tools("gcc-12/cc1");
  for (int i = 0; i < 30; ++i) result.mutable_acceleration()->add_unmatched("/usr/bin/rustc: no tool");
  return result;
}

TEST_F(ExecutionRecordsTest, WhatAnAcceleratorSetMadeIsKnown) {
  const int64_t id = Execute(100, 200, AcceleratedSuccess("a", "sha256:one"));
  const auto execution = store_->GetExecution(id);
  ASSERT_OK(execution);
  ASSERT_TRUE(execution->acceleration.has_value());
  EXPECT_EQ(execution->acceleration->set(), "debian-test-arm64");
  EXPECT_THAT(execution->acceleration->tools(), ElementsAre("gcc-12/cc1"));
  EXPECT_EQ(execution->acceleration->unmatched_size(), 20) << "no more than a worker tells";
  EXPECT_FALSE(execution->acceleration_check.has_value());
  EXPECT_EQ(Reusable(), id);
  EXPECT_FALSE(store_->FindReusable("key", 0, false, true).value().has_value());
  // Once compared it is as good as an emulated one.
  v1::StepResult compared = AcceleratedSuccess("a", "sha256:one");
  compared.mutable_acceleration_check()->set_outcome(v1::AccelerationCheck::OUTCOME_EQUAL);
  const int64_t proved = Execute(300, 400, compared);
  EXPECT_EQ(store_->FindReusable("key", 0, false, true).value()->id, proved);
}

TEST_F(ExecutionRecordsTest, LongWordsOfAWorkerHideNothingElse) {
  v1::StepResult result = AcceleratedSuccess("a", "sha256:one");
  result.mutable_use()->set_user_seconds(3);
  // Cut in the middle of a character they would be no text.
  const std::string text = std::string(4095, 'x') + "\u00e4";
  result.mutable_acceleration()->set_set(text);
  result.mutable_acceleration_check()->set_outcome(v1::AccelerationCheck::OUTCOME_RECIPE_DIFFERS);
  result.mutable_acceleration_check()->set_reason(text);
  const auto execution = store_->GetExecution(Execute(100, 200, result));
  ASSERT_OK(execution);
  ASSERT_TRUE(execution->use.has_value());
  EXPECT_EQ(execution->use->user_seconds(), 3);
  EXPECT_EQ(execution->acceleration->set(), std::string(4095, 'x'));
  EXPECT_EQ(execution->acceleration_check->reason(), std::string(4095, 'x'));
}

TEST_F(ExecutionRecordsTest, WhatASwitchedOffSetMadeIsTakenBackWithWhatWasInstalledFromIt) {
  AcceleratorRecords accelerators(store_->connection());
  const int64_t made = Execute(100, 200, AcceleratedSuccess("a", "sha256:one"));
  v1::StepResult compared = AcceleratedSuccess("b", "sha256:one");
  compared.mutable_acceleration_check()->set_outcome(v1::AccelerationCheck::OUTCOME_EQUAL);
  const int64_t proved = Execute(300, 400, compared);
  const int64_t other = Execute(500, 600, AcceleratedSuccess("c", "sha256:two"));
  const int64_t installed = Execute(700, 800, Success("d"));
  v1::PackageOutcome wheel;
  wheel.set_name("wheel");
  wheel.set_compiled_in_build(build_);
  wheel.set_compiled_by_execution(made);
  ASSERT_OK(store_->SavePackages(installed, {wheel}));
  EXPECT_EQ(Reusable(), made);
  EXPECT_EQ(*accelerators.TakeBack("sha256:one", 900), 2);
  EXPECT_EQ(*accelerators.TakeBack("sha256:one", 900), 0);
  EXPECT_EQ(*accelerators.TakeBack("", 900), 0) << "emulated executions have none";
  EXPECT_EQ(Reusable(), proved);
  EXPECT_EQ(WitnessIds(0, 1000), (std::vector<int64_t>{proved, other})) << "of later builds";
}

TEST_F(ExecutionRecordsTest, SwitchedOffSetsAreKept) {
  AcceleratorRecords accelerators(store_->connection());
  v1::SwitchedOffAccelerator off;
  off.set_digest("sha256:b");
  off.set_path("usr/lib/x.so");
  ASSERT_OK(accelerators.SwitchOff(off));
  off.set_path("other");
  // What is known of it stays.
  ASSERT_OK(accelerators.SwitchOff(off));
  off.set_digest("sha256:a");
  ASSERT_OK(accelerators.SwitchOff(off));
  const auto listed = accelerators.SwitchedOff();
  ASSERT_OK(listed);
  ASSERT_EQ(listed->size(), 2u);
  EXPECT_EQ((*listed)[0].digest(), "sha256:a");
  EXPECT_EQ((*listed)[1].path(), "usr/lib/x.so");
  ASSERT_OK(accelerators.Allow("sha256:b"));
  EXPECT_EQ(accelerators.SwitchedOff()->size(), 1u);
}

TEST_F(ExecutionRecordsTest, WhatWasOutvotedIsAWitnessAndReusedNoMore) {
  const int64_t bad = Execute(100, 200, Success("bad"));
  const int64_t good = Execute(110, 220, Success("good"), 1);
  EXPECT_EQ(Reusable(), bad);
  EXPECT_TRUE(store_->Outvoted().value().empty());
  ASSERT_OK(store_->MarkOutvoted(bad, build_));
  EXPECT_EQ(Reusable(), good);
  EXPECT_EQ(WitnessIds(0), (std::vector<int64_t>{bad, good}));
  // A varied one is reusable only with the others' word.
  Execution execution;
  execution.key = "varied";
  execution.build = build_;
  execution.worker = "w3";
  execution.variation = 1;
  execution.started_at = 300;
  const auto varied = store_->BeginExecution(execution);
  ASSERT_OK(varied);
  ASSERT_OK(store_->FinishExecution(*varied, Success("good"), 400));
  EXPECT_FALSE(store_->FindReusable("varied", 0, false).value().has_value());
  ASSERT_OK(store_->Endorse(*varied));
  EXPECT_TRUE(store_->FindReusable("varied", 0, false).value().has_value());
  // Told once more, by a coordinator that was started again.
  ASSERT_OK(store_->MarkOutvoted(bad, build_));
  EXPECT_EQ(store_->Outvoted().value(), (std::map<std::string, int64_t>{{"w1", 1}}));
}

TEST_F(ExecutionRecordsTest, RunningExecutionHasNoResult) {
  const int64_t id = Begin(100, 2, true);
  auto execution = store_->GetExecution(id);
  ASSERT_OK(execution);
  EXPECT_EQ(execution->id, id);
  EXPECT_EQ(execution->key, "key");
  EXPECT_EQ(execution->build, build_);
  EXPECT_EQ(execution->stage, 1u);
  EXPECT_EQ(execution->step_number, 4u);
  EXPECT_EQ(execution->replica, 2u);
  EXPECT_EQ(execution->lease, 0u);
  EXPECT_EQ(execution->worker, "w1");
  EXPECT_EQ(execution->host_id, "boot-id");
  EXPECT_EQ(execution->host_name, "host");
  EXPECT_TRUE(execution->emulated);
  EXPECT_EQ(execution->started_at, 100);
  EXPECT_EQ(execution->finished_at, std::nullopt);
  EXPECT_FALSE(execution->succeeded());
  EXPECT_EQ(Reusable(), 0);
  EXPECT_THAT(WitnessIds(0), IsEmpty());
  EXPECT_TRUE(absl::IsNotFound(store_->GetExecution(id + 1).status()));
}

TEST_F(ExecutionRecordsTest, FinishedExecutionHasItsLayer) {
  const int64_t id = Execute(100, 200, Success("layer"));
  auto execution = store_->GetExecution(id);
  ASSERT_OK(execution);
  EXPECT_TRUE(execution->succeeded());
  EXPECT_EQ(execution->finished_at, 200);
  EXPECT_EQ(execution->duration_ns, 250);
  EXPECT_EQ(execution->tar, DigestOf("layer"));
  EXPECT_EQ(execution->manifest, DigestOf("manifest"));
  EXPECT_EQ(execution->content_bytes, 4711);
  EXPECT_EQ(execution->layer().SerializeAsString(), Success("layer").layer().SerializeAsString());
}

TEST_F(ExecutionRecordsTest, OldFailuresAreNoWitnesses) {
  const int64_t old_failure = Execute(100, 110, Failure());
  const int64_t old_success = Execute(120, 130, Success("layer"));
  const int64_t failure = Execute(200, 210, Failure());
  EXPECT_THAT(WitnessIds(0, 0), ElementsAre(old_failure, old_success, failure));
  EXPECT_THAT(WitnessIds(0, 200), ElementsAre(old_success, failure));
  EXPECT_THAT(WitnessIds(150, 0), ElementsAre(failure));
}

TEST_F(ExecutionRecordsTest, FailureIsKeptWithoutLayer) {
  v1::StepResult result = Failure();
  result.set_timed_out(true);
  auto execution = store_->GetExecution(Execute(100, 250, result));
  ASSERT_OK(execution);
  EXPECT_FALSE(execution->succeeded());
  EXPECT_EQ(execution->exit_code, 2);
  EXPECT_EQ(execution->failure, "exit code 2");
  EXPECT_TRUE(execution->timed_out);
  EXPECT_TRUE(execution->tar.empty());
  EXPECT_FALSE(execution->layer().has_tar());
  // The worker gave no times.
  EXPECT_EQ(execution->duration_ns, 150);
}

TEST_F(ExecutionRecordsTest, WorkerMaySayThatItEmulated) {
  v1::StepResult result = Success("layer");
  result.set_emulated(true);
  EXPECT_TRUE(store_->GetExecution(Execute(100, 200, result)).value().emulated);
}

TEST_F(ExecutionRecordsTest, ResultComesOnce) {
  const int64_t id = Execute(100, 200, Success("first"));
  EXPECT_TRUE(absl::IsFailedPrecondition(store_->FinishExecution(id, Success("second"), 300)));
  EXPECT_EQ(store_->GetExecution(id).value().tar, DigestOf("first"));
  EXPECT_TRUE(absl::IsNotFound(store_->FinishExecution(id + 1, Success("x"), 300)));
}

TEST_F(ExecutionRecordsTest, AbandonedExecutionNeverCounts) {
  const int64_t id = Begin(100);
  ASSERT_OK(store_->AbandonExecution(id));
  ASSERT_OK(store_->AbandonExecution(id));
  EXPECT_TRUE(absl::IsFailedPrecondition(store_->FinishExecution(id, Success("late"), 200)));
  EXPECT_EQ(Reusable(), 0);
  EXPECT_THAT(WitnessIds(0), IsEmpty());
  EXPECT_THAT(store_->UnfinishedExecutions().value(), IsEmpty());
  EXPECT_TRUE(absl::IsNotFound(store_->AbandonExecution(id + 1)));
  EXPECT_TRUE(absl::IsFailedPrecondition(store_->AbandonExecution(Execute(100, 200, Success("x")))));
}

TEST_F(ExecutionRecordsTest, UnfinishedExecutionsKnowTheirLease) {
  LeaseRow lease;
  lease.build = build_;
  lease.worker = "w1";
  const uint64_t number = lease.number = *store_->NextLease();
  ASSERT_OK(store_->InsertLease(lease));
  Execute(100, 200, Success("done"));
  Execution execution;
  execution.key = "key";
  execution.build = build_;
  execution.lease = number;
  const int64_t id = *store_->BeginExecution(execution);
  auto unfinished = store_->UnfinishedExecutions();
  ASSERT_OK(unfinished);
  ASSERT_EQ(unfinished->size(), 1u);
  EXPECT_EQ((*unfinished)[0].id, id);
  EXPECT_EQ((*unfinished)[0].lease, number);
  execution.lease = number + 1;
  EXPECT_TRUE(absl::IsFailedPrecondition(store_->BeginExecution(execution).status()));
}

TEST_F(ExecutionRecordsTest, EverybodyGoesOnFromTheFirstThatFinished) {
  Execute(100, 900, Success("slow"));
  const int64_t first = Execute(200, 300, Success("first"));
  Execute(400, 500, Success("later"));
  EXPECT_EQ(Reusable(), first);
}

TEST_F(ExecutionRecordsTest, ReplicaIsReusedOnlyWithoutAFirstExecution) {
  const int64_t replica = Execute(100, 200, Success("replica"), 1);
  EXPECT_EQ(Reusable(), replica);
  const int64_t first = Execute(100, 900, Success("first"), 0);
  EXPECT_EQ(Reusable(), first);
}

TEST_F(ExecutionRecordsTest, FailureIsNotReused) {
  Execute(100, 200, Failure());
  EXPECT_EQ(Reusable(), 0);
  v1::StepResult without_layer;
  Execute(100, 210, without_layer);
  EXPECT_EQ(Reusable(), 0);
  v1::StepResult timed_out = Success("late");
  timed_out.set_timed_out(true);
  Execute(100, 220, timed_out);
  EXPECT_EQ(Reusable(), 0);
  const int64_t success = Execute(300, 400, Success("x"));
  EXPECT_EQ(Reusable(), success);
}

TEST_F(ExecutionRecordsTest, NoCacheTakesOnlyWhatBeganSince) {
  Execute(100, 900, Success("before"));
  EXPECT_EQ(Reusable(101), 0);
  const int64_t since = Execute(500, 950, Success("since"));
  EXPECT_EQ(Reusable(500), since);
  EXPECT_EQ(Reusable(501), 0);
}

TEST_F(ExecutionRecordsTest, EmulatedCountsUnlessForbidden) {
  const int64_t emulated = Execute(100, 200, Success("emulated"), 0, true);
  EXPECT_EQ(Reusable(0, false), emulated);
  EXPECT_EQ(Reusable(0, true), 0);
  const int64_t native = Execute(300, 400, Success("native"));
  EXPECT_EQ(Reusable(0, false), emulated);
  EXPECT_EQ(Reusable(0, true), native);
}

TEST_F(ExecutionRecordsTest, WitnessesAreAllFinishedOfTheKeyInOrder) {
  const int64_t second = Execute(100, 300, Success("a"));
  const int64_t first = Execute(150, 200, Failure(), 1);
  Begin(160);
  const int64_t other = Begin(160, 0, false, "other key");
  ASSERT_OK(store_->FinishExecution(other, Success("x"), 170));
  EXPECT_THAT(WitnessIds(0), ElementsAre(first, second));
  EXPECT_THAT(WitnessIds(101), ElementsAre(first));
}

TEST_F(ExecutionRecordsTest, ReopenedRecordStillHits) {
  auto folder = TemporaryFolder::Create();
  ASSERT_OK(folder);
  auto store = RecordStore::Open(folder->Path("record.sqlite"));
  ASSERT_OK(store);
  store_ = *std::move(store);
  ASSERT_OK(store_->InsertBuild({}, "", "", 1));
  const int64_t id = Execute(100, 200, Success("layer"));
  store_.reset();
  store_ = *RecordStore::Open(folder->Path("record.sqlite"));
  EXPECT_EQ(Reusable(), id);
}

// ---- packages ----

v1::PackageOutcome Package(const std::string& name) {
  v1::PackageOutcome package;
  package.set_name(name);
  package.set_version("1.26.4");
  package.set_outcome(v1::OUTCOME_SOURCE);
  package.set_scope("runtime");
  package.set_tag("cp311-cp311-linux_aarch64");
  package.set_file_name("numpy-1.26.4.tar.gz");
  package.set_seconds(84.5);
  package.set_built_sha256(Sha256Hex("wheel"));
  package.set_built_size(123456);
  package.set_failure_class("compiler");
  package.set_failure_line("error: no acceptable C compiler");
  package.set_remedy("install gcc");
  package.add_remedy_lines("USER root");
  package.add_remedy_lines("RUN apk add --no-cache gcc");
  package.add_witnesses("console");
  package.add_witnesses("layer");
  package.set_conflict("console says 1.26.3");
  package.set_emulated(true);
  package.set_environment("/opt/venv");
  package.set_installed(true);
  package.set_compiled_in_build(7);
  package.set_compiled_by_execution(8);
  return package;
}

TEST_F(ExecutionRecordsTest, PackagesComeBackFieldByFieldInOrder) {
  const int64_t id = Begin(100);
  v1::PackageOutcome bare;
  bare.set_name("aaa");
  bare.set_seconds(-1);
  const std::vector<v1::PackageOutcome> saved = {Package("numpy"), bare};
  ASSERT_OK(store_->SavePackages(id, saved));
  auto packages = store_->Packages(id);
  ASSERT_OK(packages);
  ASSERT_EQ(packages->size(), 2u);
  EXPECT_EQ((*packages)[0].DebugString(), saved[0].DebugString());
  EXPECT_EQ((*packages)[1].DebugString(), saved[1].DebugString());
}

TEST_F(ExecutionRecordsTest, EveryFieldOfAPackageIsRecorded) {
  // A field that is added to the message needs a column here, or it would be lost in silence.
  const v1::PackageOutcome package = Package("numpy");
  const auto* reflection = package.GetReflection();
  std::vector<const google::protobuf::FieldDescriptor*> set;
  reflection->ListFields(package, &set);
  EXPECT_EQ(set.size(), static_cast<size_t>(v1::PackageOutcome::descriptor()->field_count()));
}

TEST_F(ExecutionRecordsTest, SavingPackagesAgainReplacesThem) {
  const int64_t id = Begin(100);
  ASSERT_OK(store_->SavePackages(id, {Package("a"), Package("b")}));
  ASSERT_OK(store_->SavePackages(id, {Package("c")}));
  auto packages = store_->Packages(id);
  ASSERT_OK(packages);
  ASSERT_EQ(packages->size(), 1u);
  EXPECT_EQ((*packages)[0].name(), "c");
  EXPECT_TRUE(absl::IsFailedPrecondition(store_->SavePackages(id + 1, {Package("orphan")})));
}

TEST_F(ExecutionRecordsTest, PastUseIsOfTheLastMeasuredSuccessOfTheShape) {
  const auto finish = [&](const std::string& shape, v1::StepResult result, std::optional<double> cpu) {
    Execution execution;
    execution.key = "k";
    execution.build = build_;
    execution.shape = shape;
    execution.started_at = 100;
    result.set_started_at(1000);
    result.set_finished_at(5000);
    if (cpu) result.set_cpu_seconds(*cpu);
    result.set_peak_memory(7 << 20);
    const auto id = store_->BeginExecution(execution);
    ASSERT_OK(id);
    ASSERT_OK(store_->FinishExecution(*id, result, 200));
  };
  EXPECT_FALSE(store_->PastUse("s", false)->has_value());
  finish("s", Success("x"), 1.5);
  finish("s", Success("x"), std::nullopt);
  v1::StepResult failed = Success("x");
  failed.set_exit_code(1);
  finish("s", failed, 9);
  finish("other", Success("x"), 8);
  const auto past = store_->PastUse("s", false);
  ASSERT_OK(past);
  ASSERT_TRUE(past->has_value());
  EXPECT_EQ((*past)->duration_ns, 4000);
  EXPECT_EQ((*past)->cpu_ns, 1'500'000'000);
  EXPECT_EQ((*past)->peak_memory, 7 << 20);
  EXPECT_FALSE(store_->PastUse("s", true)->has_value());
  v1::StepResult emulated = Success("x");
  emulated.set_emulated(true);
  finish("s", emulated, 3);
  EXPECT_EQ((*store_->PastUse("s", true))->cpu_ns, 3'000'000'000);
  EXPECT_EQ((*store_->PastUse("s", false))->cpu_ns, 1'500'000'000);
  finish("s", Success("x"), 1e300);
  EXPECT_EQ((*store_->PastUse("s", false))->cpu_ns, 1'000'000'000'000'000'000) << "a worker's word";
}

TEST_F(ExecutionRecordsTest, FetchesComeBackInOrderWithTheirHosts) {
  const int64_t id = Begin(100);
  core::FetchRecord record;
  for (const char* host : {"b.example", "a.example"}) {
    v1::Fetch& fetch = *record.fetches.add_fetches();
    fetch.set_host(host);
    fetch.set_url(std::string("http://") + host + "/x");
    v1::HostFetches& counted = record.hosts.emplace_back();
    counted.set_host(host);
    counted.set_fetches(3);
    counted.set_bytes_up(1);
    counted.set_bytes_down(2);
    counted.set_refused(1);
  }
  ASSERT_OK(store_->SaveFetches(id, record));
  // Once more replaces it.
  ASSERT_OK(store_->SaveFetches(id, record));
  const auto fetches = store_->Fetches(id);
  ASSERT_OK(fetches);
  EXPECT_EQ(fetches->SerializeAsString(), record.fetches.SerializeAsString());
  const auto hosts = store_->FetchHosts(id);
  ASSERT_OK(hosts);
  ASSERT_EQ(hosts->size(), 2u);
  EXPECT_EQ((*hosts)[0].host(), "a.example");
  EXPECT_EQ((*hosts)[0].SerializeAsString(), record.hosts[1].SerializeAsString());
  const auto none = store_->Fetches(Begin(200));
  ASSERT_OK(none);
  EXPECT_EQ(none->fetches_size(), 0);
  EXPECT_TRUE(absl::IsFailedPrecondition(store_->SaveFetches(id + 100, record)));
}

}  // namespace
}  // namespace crossmill::storage
