#include "cli/doctor/farm_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/words/platform.h"

namespace crossmill::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const absl::Time kNow = absl::FromUnixSeconds(1'000'000'000);

v1::WorkerView Worker(const std::string& name, const std::string& platform = "linux/amd64") {
  v1::WorkerView worker;
  worker.mutable_info()->set_name(name);
  worker.mutable_info()->set_version("2.0");
  *worker.mutable_info()->add_platforms()->mutable_platform() = *ParsePlatform(platform);
  worker.set_connected(true);
  worker.set_last_seen(absl::ToUnixNanos(kNow));
  return worker;
}

v1::BuildView Build(v1::BuildStatus status, const std::string& platform) {
  v1::BuildView build;
  build.set_status(status);
  v1::CellView& cell = *build.add_cells();
  cell.set_status(status);
  *cell.mutable_platform() = *ParsePlatform(platform);
  return build;
}

// The finding of that name; ok and empty if there is none.
Check Named(const std::vector<Check>& checks, std::string_view name) {
  for (const Check& check : checks) {
    if (check.name == name) return check;
  }
  return {};
}

TEST(FarmChecksTest, ClockIsOnlyBlamedForWhatTheCallCannotExplain) {
  const auto checked = [](absl::Duration ahead, absl::Duration way) {
    return CheckCoordinatorClock(kNow, kNow + way / 2 + ahead, kNow + way);
  };
  EXPECT_EQ(checked(absl::ZeroDuration(), absl::Milliseconds(10)).level, CheckLevel::kOk);
  EXPECT_THAT(checked(absl::ZeroDuration(), absl::Milliseconds(10)).detail, HasSubstr("±0.005s"));
  EXPECT_EQ(checked(absl::Seconds(2), absl::Milliseconds(10)).level, CheckLevel::kOk);
  EXPECT_THAT(checked(absl::Seconds(2), absl::Milliseconds(10)).detail, HasSubstr("2.000s ahead of"));
  const Check behind = checked(-absl::Seconds(3), absl::Milliseconds(10));
  EXPECT_EQ(behind.level, CheckLevel::kWarn);
  EXPECT_THAT(behind.detail, HasSubstr("3.000s behind"));
  EXPECT_NE(behind.fix, "");
  // The answer took ten seconds: where in them it was given is not known.
  EXPECT_EQ(checked(absl::Seconds(4), absl::Seconds(10)).level, CheckLevel::kOk);
  EXPECT_EQ(checked(absl::Seconds(8), absl::Seconds(10)).level, CheckLevel::kWarn);
  EXPECT_EQ(CheckCoordinatorClock(kNow, kNow, kNow - absl::Seconds(1)).level, CheckLevel::kWarn);
}

TEST(FarmChecksTest, WorkersThatAreAsTheyShouldBeAreOneLine) {
  const auto checks = CheckWorkers({Worker("a"), Worker("b", "linux/arm64")}, "2.0", kNow);
  ASSERT_EQ(checks.size(), 1u);
  EXPECT_EQ(checks[0].level, CheckLevel::kOk);
  EXPECT_EQ(checks[0].detail, "2 connected, 1 × linux/amd64, 1 × linux/arm64");
  EXPECT_EQ(CheckWorkers({}, "2.0", kNow).at(0).level, CheckLevel::kFail);
}

TEST(FarmChecksTest, EachWayOfBeingWrongIsNamed) {
  v1::WorkerView old = Worker("old");
  old.mutable_info()->set_version("1.9");
  old.mutable_info()->set_host_name("build3");
  v1::WorkerView full = Worker("full");
  full.set_unfit("its disk is full");
  v1::WorkerView liar = Worker("liar");
  liar.set_distrusted(true);
  v1::WorkerView gone = Worker("gone");
  gone.set_connected(false);
  gone.set_last_seen(absl::ToUnixNanos(kNow - absl::Hours(3)));
  gone.mutable_info()->set_version("1.0");
  v1::WorkerView early = Worker("early"), late = Worker("late"), near = Worker("near");
  early.set_clock_ahead(absl::ToInt64Nanoseconds(absl::Seconds(90)));
  late.set_clock_ahead(absl::ToInt64Nanoseconds(-absl::Seconds(3)));
  near.set_clock_ahead(absl::ToInt64Nanoseconds(-absl::Seconds(1)));
  const auto checks = CheckWorkers({old, full, liar, gone, early, late, near}, "2.0", kNow);
  EXPECT_EQ(checks.size(), 6u);
  EXPECT_EQ(Named(checks, "clocks of workers").detail, "early is 90.0s ahead, late is up to 3.0s behind");
  EXPECT_EQ(Named(checks, "versions of workers").detail, "old on build3 is 1.9");
  EXPECT_THAT(Named(checks, "versions of workers").fix, HasSubstr("2.0"));
  EXPECT_EQ(Named(checks, "workers that are gone").detail, "gone (3h ago)");
  EXPECT_EQ(Named(checks, "workers without new tasks").detail, "full: its disk is full");
  EXPECT_EQ(Named(checks, "distrusted workers").detail, "liar");
  EXPECT_FALSE(AnyFailed(checks));
}

TEST(FarmChecksTest, WhoSaidThatItLeavesIsNotMissed) {
  v1::WorkerView drained = Worker("drained"), draining = Worker("draining"), ancient = Worker("ancient");
  for (v1::WorkerView* worker : {&drained, &draining, &ancient}) worker->set_connected(false);
  drained.set_drained(true);
  draining.set_draining(true);
  ancient.set_last_seen(absl::ToUnixNanos(kNow - absl::Hours(24 * 8)));
  EXPECT_EQ(CheckWorkers({Worker("a"), drained, draining, ancient}, "2.0", kNow).size(), 1u);
}

TEST(FarmChecksTest, ManyWorkersAreNotAllNamed) {
  std::vector<v1::WorkerView> workers;
  for (int i = 0; i < 100; ++i) workers.push_back(Worker(fmt::format("w{}", i)));
  const Check check = Named(CheckWorkers(workers, "3.0", kNow), "versions of workers");
  EXPECT_THAT(check.detail, HasSubstr("w7 is 2.0 and 92 more"));
  EXPECT_THAT(check.detail, Not(HasSubstr("w8 is")));
}

TEST(FarmChecksTest, DiskAndQueue) {
  v1::FarmStatus status;
  EXPECT_EQ(CheckFarmStatus(status).size(), 1u) << "a disk that nobody measured is not spoken of";
  status.set_disk_least_space(1000);
  status.set_disk_free(2000);
  EXPECT_EQ(Named(CheckFarmStatus(status), "disk of the coordinator").level, CheckLevel::kOk);
  status.set_disk_free(1999);
  EXPECT_EQ(Named(CheckFarmStatus(status), "disk of the coordinator").level, CheckLevel::kWarn);
  status.set_disk_reason("it is full");
  const Check full = Named(CheckFarmStatus(status), "disk of the coordinator");
  EXPECT_EQ(full.level, CheckLevel::kFail);
  EXPECT_EQ(full.detail, "it is full");
  status.set_tasks_queued(4);
  EXPECT_EQ(Named(CheckFarmStatus(status), "queue").level, CheckLevel::kWarn);
  status.set_tasks_running(1);
  EXPECT_EQ(Named(CheckFarmStatus(status), "queue").level, CheckLevel::kOk);
}

TEST(FarmChecksTest, TheAgeOfTheNewestBackup) {
  const absl::Duration allowed = absl::Hours(48);
  const Check fresh = CheckBackup(kNow - absl::Hours(5), allowed, kNow);
  EXPECT_EQ(fresh.level, CheckLevel::kOk);
  EXPECT_THAT(fresh.detail, HasSubstr("5h ago"));
  EXPECT_EQ(CheckBackup(kNow - allowed, allowed, kNow).level, CheckLevel::kOk);
  const Check old = CheckBackup(kNow - absl::Hours(24 * 9 + 1), allowed, kNow);
  EXPECT_EQ(old.level, CheckLevel::kWarn);
  EXPECT_THAT(old.detail, HasSubstr("9 days ago"));
  EXPECT_THAT(old.detail, HasSubstr("backup.warn-after"));
  EXPECT_THAT(old.fix, HasSubstr("crossmill admin backup"));
  EXPECT_EQ(CheckBackup(kNow - absl::Hours(24 * 9), absl::ZeroDuration(), kNow).level, CheckLevel::kOk);
  const Check none = CheckBackup(absl::UnixEpoch(), allowed, kNow);
  EXPECT_EQ(none.level, CheckLevel::kOk) << "a farm of a day has none, and that is no fault";
  EXPECT_THAT(none.detail, HasSubstr("crossmill admin backup"));
}

TEST(FarmChecksTest, PlatformsThatNobodyBuildsFor) {
  const auto done = Build(v1::BUILD_STATUS_SUCCEEDED, "linux/arm64");
  const auto waiting = Build(v1::BUILD_STATUS_RUNNING, "linux/arm64");
  EXPECT_EQ(CheckPlatforms({}, {}).level, CheckLevel::kOk);
  EXPECT_EQ(CheckPlatforms({done}, {Worker("a", "linux/arm64")}).level, CheckLevel::kOk);
  EXPECT_EQ(CheckPlatforms({waiting}, {Worker("a", "aarch64")}).level, CheckLevel::kOk);
  const Check past = CheckPlatforms({done}, {Worker("a")});
  EXPECT_EQ(past.level, CheckLevel::kWarn);
  EXPECT_THAT(past.detail, HasSubstr("linux/arm64"));
  EXPECT_THAT(past.detail, Not(HasSubstr("waits")));
  EXPECT_EQ(CheckPlatforms({done, waiting}, {Worker("a")}).level, CheckLevel::kFail);
  // One that takes no tasks is as good as none.
  v1::WorkerView drained = Worker("a", "linux/arm64");
  drained.set_drained(true);
  EXPECT_EQ(CheckPlatforms({waiting}, {drained}).level, CheckLevel::kFail);
}

TEST(FarmChecksTest, EveryFindingSaysWhatToDo) {
  v1::FarmStatus status;
  status.set_disk_reason("full");
  status.set_disk_least_space(1);
  status.set_tasks_queued(1);
  std::vector<Check> checks = CheckFarmStatus(status);
  checks.push_back(CheckCoordinatorVersion("1.0", "farm:1", "2.0"));
  checks.push_back(CheckPlatforms({Build(v1::BUILD_STATUS_RUNNING, "linux/arm64")}, {}));
  const Json list = ChecksJson(checks);
  ASSERT_EQ(list.size(), 4u);
  for (const Json& one : list) {
    EXPECT_NE(one["level"], "ok");
    EXPECT_TRUE(one["fix"].is_string()) << one;
  }
  EXPECT_EQ(
      ChecksJson({CheckCoordinatorVersion("2.0", "farm:1", "2.0")}),
      Json::parse(R"([{"level": "ok", "name": "coordinator", "detail": "2.0 at farm:1", "fix": null}])"));
}

}  // namespace
}  // namespace crossmill::cli
