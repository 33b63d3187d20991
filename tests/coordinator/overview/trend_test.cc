#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "common/words/platform.h"
#include "coordinator/overview/trend_spans.h"
#include "coordinator/overview/trend_sums.h"

namespace crossmill::overview {
namespace {

using ::testing::SizeIs;

absl::TimeZone Berlin() {
  absl::TimeZone zone;
  EXPECT_TRUE(absl::LoadTimeZone("Europe/Berlin", &zone));
  return zone;
}

TEST(TrendSpansTest, DaysAreThoseOfTheZoneAlsoWhereAnHourIsMissingOrTwice) {
  const absl::TimeZone berlin = Berlin();
  const absl::Time now = absl::FromCivil(absl::CivilSecond(2026, 10, 26, 9, 0, 0), berlin);
  const auto spans = MakeSpans(now, berlin, 3, false);
  ASSERT_THAT(spans, SizeIs(3));
  EXPECT_EQ(spans[0].start(), absl::ToUnixNanos(absl::FromCivil(absl::CivilDay(2026, 10, 24), berlin)));
  EXPECT_EQ(spans[0].end() - spans[0].start(), 24 * kHour);
  EXPECT_EQ(spans[1].end() - spans[1].start(), 25 * kHour) << "the clocks go back";
  EXPECT_EQ(spans[1].end(), spans[2].start());
  EXPECT_GT(spans[2].end(), absl::ToUnixNanos(now));
}

TEST(TrendSpansTest, WeeksBeginOnMondayAndHoldAllDays) {
  // A Friday.
  const absl::Time now = absl::FromCivil(absl::CivilSecond(2026, 11, 27, 9, 0, 0), absl::UTCTimeZone());
  const auto spans = MakeSpans(now, absl::UTCTimeZone(), 10, true);
  ASSERT_THAT(spans, SizeIs(2));
  EXPECT_EQ(spans[0].start(),
            absl::ToUnixNanos(absl::FromCivil(absl::CivilDay(2026, 11, 16), absl::UTCTimeZone())));
  EXPECT_EQ(spans[1].end(),
            absl::ToUnixNanos(absl::FromCivil(absl::CivilDay(2026, 11, 30), absl::UTCTimeZone())));
  EXPECT_THAT(MakeSpans(now, absl::UTCTimeZone(), 1, true), SizeIs(1));
}

TEST(TrendSpansTest, AnHourIsInTheSpanInWhichItBegins) {
  auto spans = MakeSpans(absl::UnixEpoch() + absl::Hours(30), absl::UTCTimeZone(), 2, false);
  v1::TrendSums sums;
  sums.set_builds(1);
  AddHour(-1, sums, &spans);
  AddHour(0, sums, &spans);
  AddHour(23, sums, &spans);
  AddHour(24, sums, &spans);
  AddHour(48, sums, &spans);
  EXPECT_EQ(spans[0].sums().builds(), 2);
  EXPECT_EQ(spans[1].sums().builds(), 1);
}

TEST(TrendSumsTest, WaitsAreToldToATenthOfThemselves) {
  for (const double seconds : {0.2, 1.0, 3.7, 60.0, 3'600.0, 90'000.0}) {
    v1::TrendSums sums;
    ++(*sums.mutable_waits())[WaitBucket(seconds)];
    EXPECT_NEAR(WaitQuantile(sums, 0.5), seconds, seconds * 0.1);
    EXPECT_NEAR(WaitQuantile(sums, 0.95), seconds, seconds * 0.1);
  }
  EXPECT_EQ(WaitBucket(-5), 0) << "clocks go back";
  EXPECT_EQ(WaitBucket(std::nan("")), 0);
  EXPECT_EQ(WaitBucket(1e300), WaitBucket(1e9)) << "the last bucket takes the rest";
  EXPECT_EQ(WaitQuantile({}, 0.5), 0);
}

TEST(TrendSumsTest, QuantilesCountBuilds) {
  v1::TrendSums sums;
  (*sums.mutable_waits())[WaitBucket(1)] = 94;
  (*sums.mutable_waits())[WaitBucket(100)] = 6;
  EXPECT_NEAR(WaitQuantile(sums, 0.5), 1, 0.1);
  EXPECT_NEAR(WaitQuantile(sums, 0.94), 1, 0.1);
  EXPECT_NEAR(WaitQuantile(sums, 0.95), 100, 10);
}

TEST(TrendSumsTest, StepsAreCountedWhereTheyRan) {
  v1::BuildView view;
  view.set_id(7);
  view.set_created_at(0);
  view.set_status(v1::BUILD_STATUS_TIMED_OUT);
  for (const char* platform : {"linux/arm64", "linux/amd64"}) {
    v1::StageView& stage = *view.add_stages();
    *stage.mutable_platform() = ParsePlatform(platform).value();
    for (const auto status : {v1::STEP_STATUS_EXECUTED, v1::STEP_STATUS_CACHED, v1::STEP_STATUS_SHARED,
                              v1::STEP_STATUS_METADATA, v1::STEP_STATUS_CANCELLED}) {
      v1::StepView& step = *stage.add_steps();
      step.set_status(status);
      step.set_seconds(10);
      step.set_execution(status == v1::STEP_STATUS_EXECUTED ? view.stages_size() : 100);
    }
  }
  v1::TrendSums sums;
  // The second was begun by another build.
  AddToSums(view, {{1, {20'000'000'000, 7, 2, 5.5}}, {2, {1'000'000'000, 3, 0, 0}}}, &sums);
  EXPECT_EQ(sums.timed_out(), 1);
  ASSERT_THAT(sums.platforms(), SizeIs(2));
  EXPECT_EQ(FormatPlatform(sums.platforms(0).platform()), "linux/amd64");
  EXPECT_EQ(sums.platforms(1).executed_steps(), 1);
  EXPECT_EQ(sums.platforms(1).cached_steps(), 2);
  EXPECT_EQ(sums.platforms(1).saved_seconds(), 20);
  EXPECT_EQ(sums.platforms(1).compiled_packages(), 2);
  EXPECT_EQ(sums.platforms(0).compiled_packages(), 0);
  EXPECT_NEAR(WaitQuantile(sums, 0.5), 20, 2);
  v1::TrendSums twice = sums;
  AddSums(sums, &twice);
  EXPECT_EQ(twice.timed_out(), 2);
  EXPECT_EQ(twice.platforms(1).compile_seconds(), 11);
  EXPECT_EQ(twice.waits().begin()->second, 2);
}

}  // namespace
}  // namespace crossmill::overview
