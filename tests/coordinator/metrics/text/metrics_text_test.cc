#include "coordinator/metrics/metrics_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>
#include <sstream>

#include "absl/strings/ascii.h"
#include "common/base/files.h"
#include "common/base/json.h"
#include "tests/support/golden.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

void AddCounters(v1::FarmCounters* counters) {
  v1::PlatformCounters& platform = *counters->add_platforms();
  platform.set_platform("linux/arm64");
  platform.set_steps_executed(5);
  platform.set_steps_missed(4);
  platform.set_steps_cached(9);
  v1::PackageCount& packages = *platform.add_packages();
  packages.set_outcome(v1::OUTCOME_SOURCE_CACHED);
  packages.set_packages(3);
  for (v1::TimeCounts* times : {counters->mutable_build_waits(), counters->mutable_build_times()}) {
    for (const double end : {0.5, 10.0}) times->add_ends(end);
    for (const int count : {1, 0, 2}) times->add_counts(count);
    times->set_sum_seconds(42.25);
  }
  counters->set_blob_bytes_sent(1000);
  counters->set_traces_dropped(1);
}

v1::FarmStatus BusyFarm() {
  v1::FarmStatus status;
  for (const auto build : {v1::BUILD_STATUS_SUCCEEDED, v1::BUILD_STATUS_FAILED}) {
    v1::BuildCount& count = *status.add_ended();
    count.set_status(build);
    count.set_builds(3);
  }
  v1::BuildCount& running = *status.add_running();
  running.set_status(v1::BUILD_STATUS_RUNNING);
  running.set_builds(1);
  v1::VerdictCount& verdict = *status.add_verdicts();
  verdict.set_verdict(v1::VERDICT_REPRODUCIBLE);
  verdict.set_cells(4);
  status.set_disk_free(5);
  status.set_disk_reason("it is full");
  status.mutable_bucket()->set_waiting_blobs(7);
  status.mutable_bucket()->set_trouble("no route to host");
  v1::LoopEvents& events = *status.add_loop();
  events.set_kind("tick events");
  events.set_slow(2);
  events.set_longest_seconds(0.125);
  return status;
}

ProcessNumbers BusyProcess() {
  return {.resident_bytes = 1 << 20,
          .virtual_bytes = int64_t{1} << 40,
          .cpu_seconds = 12.5,
          .open_descriptors = 17,
          .most_descriptors = 1024,
          .threads = 40,
          .start_seconds = 1'700'000'000.25};
}

v1::FarmNumbers BusyNumbers() {
  v1::FarmNumbers numbers;
  for (const char* platform : {"any", "linux/arm64"}) {
    v1::PlatformState& state = *numbers.add_platforms();
    state.set_platform(platform);
    state.set_tasks_queued(7);
    state.set_longest_wait_seconds(1.5);
    state.set_tasks_running(2);
    state.mutable_native()->set_connected(3);
    state.mutable_native()->set_draining(1);
    state.mutable_native()->set_slots(16);
    state.mutable_emulated()->set_unfit(1);
  }
  AddCounters(numbers.mutable_counters());
  numbers.set_backup_warn_after_seconds(172'800);
  numbers.set_last_backup_at(1'700'000'000'500'000'000);
  return numbers;
}

std::string BusyText(MetricsForm form) {
  const v1::FarmNumbers numbers = BusyNumbers();
  const v1::FarmStatus status = BusyFarm();
  const ProcessNumbers process = BusyProcess();
  return MetricsText({.status = status, .numbers = numbers, .process = &process, .version = "1.2"}, form);
}

TEST(MetricsTest, TheWholeText) {
  ExpectGolden(CROSSMILL_GOLDEN_FOLDER, "metrics/farm.txt", BusyText(MetricsForm::kText));
  ExpectGolden(CROSSMILL_GOLDEN_FOLDER, "metrics/farm.openmetrics.txt", BusyText(MetricsForm::kOpenMetrics));
}

TEST(MetricsTest, BothFormsHaveTheSameSamples) {
  const auto samples = [](const std::string& text) {
    std::set<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) {
      if (!line.starts_with('#')) lines.insert(line);
    }
    return lines;
  };
  const std::string text = BusyText(MetricsForm::kText);
  const std::string open = BusyText(MetricsForm::kOpenMetrics);
  EXPECT_EQ(samples(text), samples(open));
  EXPECT_THAT(text, HasSubstr("# TYPE crossmill_builds_total counter\n"));
  EXPECT_THAT(text, HasSubstr("crossmill_builds_total{outcome=\"failed\"} 3\n"));
  // What has not happened is there, too, or the first time would not be seen to be one.
  EXPECT_THAT(text, HasSubstr("crossmill_builds_total{outcome=\"infrastructure_failed\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("crossmill_builds_running{status=\"planning\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("crossmill_verdicts_total{verdict=\"unreproducible\"} 0\n"));
  EXPECT_THAT(text, Not(HasSubstr("unspecified")));
  EXPECT_THAT(text, HasSubstr("# TYPE crossmill_build_info gauge\n"));
  EXPECT_THAT(text, HasSubstr("crossmill_disk_refuses 1\n"));
  EXPECT_THAT(text, HasSubstr("crossmill_bucket_waiting_blobs 7\n"));
  EXPECT_THAT(text, HasSubstr("crossmill_bucket_trouble 1\n"));
  EXPECT_THAT(text, HasSubstr("crossmill_loop_longest_seconds{event=\"tick events\"} 0.125000\n"));
  EXPECT_THAT(text, HasSubstr("crossmill_loop_slow_events_total{event=\"tick events\"} 2\n"));
  EXPECT_THAT(text, Not(HasSubstr("# EOF")));
  EXPECT_THAT(open, HasSubstr("# TYPE crossmill_builds counter\n"));
  EXPECT_THAT(open, HasSubstr("# TYPE crossmill_build info\n"));
  EXPECT_THAT(open, HasSubstr("crossmill_build_info{version=\"1.2\"} 1\n"));
  EXPECT_TRUE(open.ends_with("\n# EOF\n"));
}

TEST(MetricsTest, WhatIsNotKnownIsNotServed) {
  const v1::FarmStatus status = BusyFarm();
  const v1::FarmNumbers numbers;
  EXPECT_THAT(MetricsText({.status = status, .numbers = numbers, .version = "1"}, MetricsForm::kText),
              Not(HasSubstr("process_")));
  ProcessNumbers process = BusyProcess();
  process.most_descriptors = ProcessNumbers::kUnlimited;
  EXPECT_THAT(
      MetricsText({.status = status, .numbers = numbers, .process = &process, .version = "a\"b\\c\nd"},
                  MetricsForm::kText),
      AllOf(HasSubstr("process_max_fds +Inf\n"), HasSubstr("{version=\"a\\\"b\\\\c\\nd\"} 1\n")));
}

constexpr std::string_view kType = "# TYPE ";

// Of families.
std::set<std::string> ServedNames() {
  std::set<std::string> served;
  std::istringstream stream(BusyText(MetricsForm::kText));
  for (std::string line; std::getline(stream, line);) {
    if (!line.starts_with(kType)) continue;
    const size_t end = line.find(' ', kType.size());
    served.insert(line.substr(kType.size(), end - kType.size()));
  }
  return served;
}

// The family whose sample a query asks for: a histogram's have ends to their names.
std::string FamilyOf(const std::string& name, const std::set<std::string>& served) {
  for (const std::string_view end : {"_bucket", "_sum", "_count"}) {
    if (!name.ends_with(end)) continue;
    const std::string family = name.substr(0, name.size() - end.size());
    if (served.contains(family)) return family;
  }
  return name;
}

// As Prometheus' own parser wants it: in each bucket what the smaller ones have, and +Inf is the count.
TEST(MetricsTest, HistogramsAreCumulative) {
  const std::string text = BusyText(MetricsForm::kText);
  EXPECT_THAT(text, HasSubstr("# TYPE crossmill_build_wait_seconds histogram\n"));
  EXPECT_THAT(text, HasSubstr("crossmill_build_wait_seconds_bucket{le=\"0.5\"} 1\n"
                              "crossmill_build_wait_seconds_bucket{le=\"10.0\"} 1\n"
                              "crossmill_build_wait_seconds_bucket{le=\"+Inf\"} 3\n"
                              "crossmill_build_wait_seconds_sum 42.250000\n"
                              "crossmill_build_wait_seconds_count 3\n"));
}

// What an autoscaler asks for.
TEST(MetricsTest, QueuesArePerPlatform) {
  const std::string text = BusyText(MetricsForm::kText);
  EXPECT_THAT(text, HasSubstr("crossmill_queue_depth{platform=\"linux/arm64\"} 7\n"));
  EXPECT_THAT(text,
              HasSubstr("crossmill_platform_slots{platform=\"linux/arm64\",execution=\"native\"} 16\n"));
  EXPECT_THAT(text, Not(HasSubstr("crossmill_platform_slots{platform=\"any\"")));
  EXPECT_THAT(text, HasSubstr("crossmill_step_cache_total{platform=\"linux/arm64\",result=\"hit\"} 9\n"));
  EXPECT_THAT(text, HasSubstr("crossmill_packages_total{platform=\"linux/arm64\",outcome=\"wheel\"} 0\n"));
}

// Every name that the dashboard asks for is one that is served, and every one that is served is on it.
TEST(MetricsTest, TheDashboardKnowsThemAll) {
  const auto text = ReadFile(CROSSMILL_SOURCE_FOLDER "/deploy/grafana-dashboard.json", 1 << 20);
  ASSERT_OK(text);
  std::set<std::string> asked;
  const Json dashboard = Json::parse(*text);
  ASSERT_GT(dashboard["panels"].size(), 3u);
  for (const Json& panel : dashboard["panels"]) {
    for (const Json& target : panel.value("targets", Json::array())) {
      const std::string query = target["expr"].get<std::string>();
      const std::regex name("(crossmill|process)_[a-z_]+");
      for (std::sregex_iterator it(query.begin(), query.end(), name), end; it != end; ++it)
        asked.insert(it->str());
    }
  }
  const std::set<std::string> served = ServedNames();
  std::set<std::string> families;
  for (const std::string& one : asked) families.insert(FamilyOf(one, served));
  EXPECT_EQ(families, served);
}

// A name that nobody serves makes an alert that never comes.
TEST(MetricsTest, AlertsAskForWhatIsServed) {
  const auto text = ReadFile(CROSSMILL_SOURCE_FOLDER "/deploy/prometheus/alerts.yml", 1 << 20);
  ASSERT_OK(text);
  const std::set<std::string> served = ServedNames();
  const std::regex name("(crossmill|process)_[a-z_]+");
  int asked = 0;
  for (std::sregex_iterator it(text->begin(), text->end(), name), end; it != end; ++it, ++asked)
    EXPECT_TRUE(served.contains(it->str())) << it->str();
  EXPECT_GT(asked, 10);
  // Values of labels, likewise.
  const std::regex outcome("outcome=\"([a-z_-]+)\"");
  int outcomes = 0;
  for (std::sregex_iterator it(text->begin(), text->end(), outcome), end; it != end; ++it, ++outcomes) {
    v1::BuildStatus status;
    EXPECT_TRUE(v1::BuildStatus_Parse("BUILD_STATUS_" + absl::AsciiStrToUpper((*it)[1].str()), &status))
        << it->str();
  }
  EXPECT_GT(outcomes, 0);
}

}  // namespace
}  // namespace crossmill::coordinator
