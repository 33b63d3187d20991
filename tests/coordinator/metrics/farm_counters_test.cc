#include "coordinator/metrics/farm_counters.h"

#include <gtest/gtest.h>

#include "common/words/platform.h"
#include "coordinator/metrics/counted_blob_store.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

v1::PlatformCounters Of(FarmCounters& counters, const std::string& platform) {
  v1::FarmCounters all;
  counters.CopyTo(&all);
  for (const v1::PlatformCounters& row : all.platforms()) {
    if (row.platform() == platform) return row;
  }
  return {};
}

TEST(FarmCountersTest, UsualPlatformsAreThereFromTheStart) {
  FarmCounters counters;
  v1::FarmCounters all;
  counters.CopyTo(&all);
  EXPECT_EQ(all.platforms_size(), static_cast<int>(UsualPlatforms().size()));
  EXPECT_EQ(all.platforms(1).platform(), "linux/amd64");
  EXPECT_EQ(all.build_times().counts_size(), all.build_times().ends_size() + 1);
}

TEST(FarmCountersTest, CountsAddUp) {
  FarmCounters counters;
  counters.AddSteps({{"linux/arm64", {.executed = 2, .failed = 1}}, {"linux/amd64", {.cached = 5}}});
  counters.AddSteps({{"linux/arm64", {.executed = 1, .interrupted = 1, .shared = 4}}});
  std::vector<v1::PackageOutcome> packages(3);
  packages[0].set_outcome(v1::OUTCOME_WHEEL);
  packages[1].set_outcome(v1::OUTCOME_SOURCE);
  packages[2].set_outcome(v1::OUTCOME_WHEEL);
  counters.AddPackages("linux/arm64", packages);
  const v1::PlatformCounters arm = Of(counters, "linux/arm64");
  EXPECT_EQ(arm.steps_executed(), 3);
  EXPECT_EQ(arm.steps_failed(), 1);
  EXPECT_EQ(arm.steps_interrupted(), 1);
  EXPECT_EQ(arm.steps_shared(), 4);
  ASSERT_EQ(arm.packages_size(), 2);
  EXPECT_EQ(arm.packages(0).outcome(), v1::OUTCOME_WHEEL);
  EXPECT_EQ(arm.packages(0).packages(), 2);
  EXPECT_EQ(Of(counters, "linux/amd64").steps_cached(), 5);
}

// Names of platforms are what recipes say: a farm that is asked for thousands keeps a few.
TEST(FarmCountersTest, PlatformsAreBounded) {
  FarmCounters counters;
  for (int i = 0; i < 1000; ++i) counters.AddSteps({{"linux/made-up-" + std::to_string(i), {.failed = 1}}});
  v1::FarmCounters all;
  counters.CopyTo(&all);
  EXPECT_EQ(all.platforms_size(), static_cast<int>(PlatformWords::kMost) + 1);
  EXPECT_EQ(Of(counters, "linux/made-up-0").steps_failed(), 1);
  const int own = static_cast<int>(PlatformWords::kMost - UsualPlatforms().size());
  EXPECT_EQ(Of(counters, "other").steps_failed(), 1000 - own);
  EXPECT_EQ(counters.words().Of(""), "any");
  EXPECT_EQ(counters.words().Of("linux/made-up-999"), "other");
  EXPECT_EQ(counters.words().Of("linux/s390x"), "linux/s390x");
}

TEST(FarmCountersTest, TimesAreInTheirRange) {
  TimeHistogram histogram;
  for (const double seconds : {0.0, 0.5, 0.75, 30.0, 1e9}) histogram.Add(seconds);
  v1::TimeCounts counts;
  histogram.CopyTo(&counts);
  EXPECT_EQ(counts.counts(0), 2) << "the end belongs to its range";
  EXPECT_EQ(counts.counts(1), 1);
  EXPECT_EQ(counts.counts(5), 1);
  EXPECT_EQ(counts.counts(counts.ends_size()), 1);
  EXPECT_EQ(counts.sum_seconds(), 1e9 + 31.25);
}

TEST(FarmCountersTest, BytesOfBlobsAreCountedAsTheyComeAndGo) {
  FarmCounters counters;
  const auto kept = MakeMemoryBlobStore();
  const auto blobs = MakeCountedBlobStore(*kept, counters);
  const auto digest = blobs->PutBytes("0123456789");
  ASSERT_OK(digest);
  EXPECT_EQ(blobs->Get(*digest).value(), "0123456789");
  const auto reader = blobs->Open(*digest, 4);
  ASSERT_OK(reader);
  char buffer[4];
  EXPECT_EQ((*reader)->Read(buffer, sizeof(buffer)).value(), 4u);
  const auto writer = blobs->Create(Digest());
  ASSERT_OK(writer);
  ASSERT_OK((*writer)->Write("abc"));
  ASSERT_OK((*writer)->Commit());
  v1::FarmCounters all;
  counters.CopyTo(&all);
  EXPECT_EQ(all.blob_bytes_received(), 13);
  EXPECT_EQ(all.blob_bytes_sent(), 14);
}

v1::BuildView ViewOfTwoStages() {
  v1::BuildView view;
  view.set_created_at(1'000'000'000);
  view.set_finished_at(11'000'000'000);
  for (const char* platform : {"linux/amd64", "linux/arm64"}) {
    v1::StageView& stage = *view.add_stages();
    *stage.mutable_platform() = ParsePlatform(platform).value();
    stage.add_steps()->set_number(1);
  }
  return view;
}

v1::BuildEvent StepEvent(uint32_t stage, v1::StepStatus status) {
  v1::BuildEvent event;
  event.mutable_step_changed()->set_stage(stage);
  event.mutable_step_changed()->mutable_step()->set_status(status);
  return event;
}

v1::BuildEvent ReplicaEvent(uint32_t stage, v1::StepStatus status) {
  v1::BuildEvent event = StepEvent(stage, v1::STEP_STATUS_EXECUTED);
  event.mutable_step_changed()->set_replica(2);
  v1::ReplicaStep& other = *event.mutable_step_changed()->mutable_step()->add_replicas();
  other.set_replica(1);
  other.set_status(v1::STEP_STATUS_FAILED);
  v1::ReplicaStep& row = *event.mutable_step_changed()->mutable_step()->add_replicas();
  row.set_replica(2);
  row.set_status(status);
  return event;
}

TEST(CountedEventsTest, StepsByPlatformAndHowTheyEnded) {
  const auto counts =
      CountSteps({StepEvent(0, v1::STEP_STATUS_RUNNING), StepEvent(0, v1::STEP_STATUS_WAITING),
                  StepEvent(0, v1::STEP_STATUS_RUNNING), StepEvent(0, v1::STEP_STATUS_EXECUTED),
                  StepEvent(1, v1::STEP_STATUS_CACHED), StepEvent(1, v1::STEP_STATUS_SHARED),
                  ReplicaEvent(1, v1::STEP_STATUS_EXECUTED), ReplicaEvent(1, v1::STEP_STATUS_CACHED),
                  v1::BuildEvent(), StepEvent(7, v1::STEP_STATUS_EXECUTED)},
                 ViewOfTwoStages());
  EXPECT_EQ(counts.size(), 2u);
  EXPECT_EQ(counts.at("linux/amd64"), (StepCounts{.executed = 1, .interrupted = 1, .missed = 1}));
  EXPECT_EQ(counts.at("linux/arm64"), (StepCounts{.executed = 1, .cached = 1, .shared = 1}));
}

TEST(CountedEventsTest, ABuildWaitsUntilItsFirstOwnExecution) {
  v1::BuildView view = ViewOfTwoStages();
  EXPECT_EQ(TimesOf(view)->seconds, 10);
  EXPECT_FALSE(TimesOf(view)->wait_seconds) << "nothing of it was executed";
  v1::StepView& cached = *view.mutable_stages(0)->mutable_steps(0);
  cached.set_status(v1::STEP_STATUS_CACHED);
  cached.set_started_at(2'000'000'000);
  EXPECT_FALSE(TimesOf(view)->wait_seconds);
  v1::StepView& executed = *view.mutable_stages(1)->mutable_steps(0);
  executed.set_status(v1::STEP_STATUS_FAILED);
  executed.set_started_at(4'000'000'000);
  EXPECT_EQ(TimesOf(view)->wait_seconds, 3);
  view.set_ahead_of(5);
  EXPECT_FALSE(TimesOf(view)) << "nobody asked for it";
}

}  // namespace
}  // namespace crossmill::coordinator
