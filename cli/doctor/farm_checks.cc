#include "cli/doctor/farm_checks.h"

#include <map>
#include <set>

#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/words/platform.h"
#include "common/words/words.h"

namespace crossmill::cli {
namespace {

// Beyond this times on record of two machines cannot be compared by people.
constexpr absl::Duration kMostClockDifference = absl::Seconds(2);
// A worker that is away for longer was given up, not lost.
constexpr absl::Duration kLately = absl::Hours(24 * 7);
constexpr absl::Duration kDay = absl::Hours(24);
// So many are named; of the others the number is said.
constexpr size_t kMostNamed = 8;

std::string Listed(const std::vector<std::string>& items) {
  std::string text;
  for (size_t i = 0; i < items.size() && i < kMostNamed; ++i) text += (i == 0 ? "" : ", ") + items[i];
  if (items.size() > kMostNamed) text += fmt::format(" and {} more", items.size() - kMostNamed);
  return text;
}

std::string NameOf(const v1::WorkerView& worker) {
  return worker.info().host_name().empty()
             ? worker.info().name()
             : fmt::format("{} on {}", worker.info().name(), worker.info().host_name());
}

bool TakesTasks(const v1::WorkerView& worker) {
  return worker.connected() && !worker.draining() && !worker.drained() && !worker.distrusted();
}

Check CheckConnected(const std::vector<v1::WorkerView>& workers) {
  int connected = 0;
  std::map<std::string, int> platforms;
  for (const v1::WorkerView& worker : workers) {
    if (!worker.connected()) continue;
    ++connected;
    for (const v1::PlatformSupport& support : worker.info().platforms())
      ++platforms[FormatPlatform(support.platform()) + (support.emulated() ? " (emulated)" : "")];
  }
  if (connected == 0)
    return {CheckLevel::kFail, "workers", "none is connected",
            "crossmill up --workers 2, or start crossmill-worker on a machine of the farm"};
  std::string detail = fmt::format("{} connected", connected);
  for (const auto& [platform, count] : platforms) detail += fmt::format(", {} × {}", count, platform);
  return {CheckLevel::kOk, "workers", detail, ""};
}

// Nothing where there are no such workers.
void AddOf(const std::vector<std::string>& workers, CheckLevel level, std::string_view name,
           std::string_view fix, std::vector<Check>* checks) {
  if (!workers.empty()) checks->push_back({level, std::string(name), Listed(workers), std::string(fix)});
}

}  // namespace

Check CheckCoordinatorVersion(std::string_view coordinator, std::string_view address,
                              std::string_view client) {
  Check check{CheckLevel::kOk, "coordinator", fmt::format("{} at {}", coordinator, address), ""};
  if (coordinator != client) {
    check.level = CheckLevel::kWarn;
    check.fix = fmt::format("this program is {}: use the same version", client);
  }
  return check;
}

Check CheckCoordinatorClock(absl::Time asked, absl::Time coordinator, absl::Time answered) {
  Check check{CheckLevel::kOk, "clock of the coordinator", "", ""};
  if (answered < asked) {
    return {CheckLevel::kWarn, check.name, "not compared: this machine's clock was set back meanwhile",
            "run doctor again"};
  }
  const absl::Duration doubt = (answered - asked) / 2;
  const absl::Duration ahead = coordinator - (asked + doubt);
  const absl::Duration difference = absl::AbsDuration(ahead);
  const std::string exactness = fmt::format("±{:.3f}s, by a call", absl::ToDoubleSeconds(doubt));
  if (difference <= doubt) {
    check.detail = fmt::format("as this machine's ({})", exactness);
  } else {
    check.detail = fmt::format("{:.3f}s {} this machine's ({})", absl::ToDoubleSeconds(difference),
                               ahead > absl::ZeroDuration() ? "ahead of" : "behind", exactness);
  }
  // Only what the way of the call cannot explain.
  if (difference - doubt > kMostClockDifference) {
    check.level = CheckLevel::kWarn;
    check.fix = "let both be set from the network: timedatectl set-ntp true";
  }
  return check;
}

std::vector<Check> CheckWorkers(const std::vector<v1::WorkerView>& workers, std::string_view version,
                                absl::Time now) {
  std::vector<Check> checks = {CheckConnected(workers)};
  std::vector<std::string> others, away, unfit, distrusted, clocks;
  for (const v1::WorkerView& worker : workers) {
    const std::string name = NameOf(worker);
    if (worker.distrusted()) distrusted.push_back(name);
    if (!worker.connected()) {
      const absl::Time seen = absl::FromUnixNanos(worker.last_seen());
      // One that drained had said that it would leave.
      if (worker.last_seen() == 0 || worker.draining() || worker.drained() || now - seen > kLately) continue;
      away.push_back(fmt::format("{} ({})", name, FormatAge(worker.last_seen(), absl::ToUnixNanos(now))));
      continue;
    }
    if (worker.info().version() != version)
      others.push_back(fmt::format("{} is {}", name, worker.info().version()));
    const absl::Duration ahead = absl::Nanoseconds(worker.clock_ahead());
    if (absl::AbsDuration(ahead) > kMostClockDifference) {
      // The way of what it said makes it seem behind, never ahead.
      const double seconds = absl::ToDoubleSeconds(absl::AbsDuration(ahead));
      clocks.push_back(ahead > absl::ZeroDuration()
                           ? fmt::format("{} is {:.1f}s ahead", name, seconds)
                           : fmt::format("{} is up to {:.1f}s behind", name, seconds));
    }
    if (!worker.unfit().empty()) unfit.push_back(fmt::format("{}: {}", name, worker.unfit()));
  }
  AddOf(
      others, CheckLevel::kWarn, "versions of workers",
      fmt::format("the coordinator is {}: drain them, install that version there, start them again", version),
      &checks);
  AddOf(clocks, CheckLevel::kWarn, "clocks of workers",
        "let theirs and the coordinator's be set from the network: timedatectl set-ntp true", &checks);
  AddOf(away, CheckLevel::kWarn, "workers that are gone",
        "is the machine up, does it reach the coordinator, what does the worker's log say", &checks);
  AddOf(unfit, CheckLevel::kWarn, "workers without new tasks",
        "remove the reason; crossmill worker ls says until when it is so", &checks);
  AddOf(distrusted, CheckLevel::kWarn, "distrusted workers",
        "when they are believed again: crossmill trust WORKER", &checks);
  return checks;
}

std::vector<Check> CheckAccelerators(const std::vector<v1::WorkerView>& workers,
                                     const std::vector<v1::SwitchedOffAccelerator>& off) {
  std::vector<Check> checks;
  std::vector<std::string> used, unused, switched_off;
  for (const v1::WorkerView& worker : workers) {
    if (!worker.connected()) continue;
    for (const v1::AcceleratorOffer& offer : worker.info().accelerators()) {
      const std::string set = fmt::format("{}: {}", NameOf(worker), Printable(offer.set()));
      if (!offer.tools().empty())
        used.push_back(fmt::format("{} ({})", set, Printable(absl::StrJoin(offer.tools(), ", "))));
      for (const std::string& problem : offer.problems())
        unused.push_back(fmt::format("{}: {}", set, Printable(problem)));
    }
  }
  for (const v1::SwitchedOffAccelerator& each : off) {
    switched_off.push_back(fmt::format("{} by build {}, {}{}", Printable(each.digest()), each.build(),
                                       Printable(each.step()),
                                       each.path().empty() ? "" : ", in /" + Printable(each.path())));
  }
  AddOf(used, CheckLevel::kOk, "accelerators", "", &checks);
  AddOf(unused, CheckLevel::kWarn, "accelerators that are not used",
        "see docs/accelerators.md: a set is made by scripts/make-accelerators and proved by "
        "scripts/calibrate-accelerators",
        &checks);
  AddOf(switched_off, CheckLevel::kWarn, "accelerators that are switched off",
        "they made other bytes than emulated programs; crossmill admin accelerators ls has more", &checks);
  return checks;
}

std::vector<Check> CheckFarmStatus(const v1::FarmStatus& status) {
  std::vector<Check> checks;
  if (status.disk_free() != 0 || status.disk_least_space() != 0) {
    Check disk{CheckLevel::kOk, "disk of the coordinator",
               fmt::format("{} free; below {} it takes nothing new",
                           FormatBytes(static_cast<int64_t>(status.disk_free())),
                           FormatBytes(static_cast<int64_t>(status.disk_least_space()))),
               ""};
    if (!status.disk_reason().empty()) {
      disk.level = CheckLevel::kFail;
      disk.detail = status.disk_reason();
    } else if (status.disk_free() / 2 < status.disk_least_space()) {
      disk.level = CheckLevel::kWarn;
    }
    if (disk.level != CheckLevel::kOk) disk.fix = "make room on the disk that has the coordinator's --data";
    checks.push_back(disk);
  }
  const int64_t waiting = status.tasks_queued(), running = status.tasks_running();
  Check queue{CheckLevel::kOk, "queue", fmt::format("{} waiting, {} running", waiting, running), ""};
  if (waiting > 0 && running == 0) {
    queue.level = CheckLevel::kWarn;
    queue.fix = "crossmill ls, then crossmill show BUILD: it says what the build waits for";
  }
  checks.push_back(queue);
  return checks;
}

Check CheckBackup(absl::Time last, absl::Duration warn_after, absl::Time now) {
  const std::string command = "crossmill admin backup FOLDER";
  if (last == absl::UnixEpoch())
    return {CheckLevel::kOk, "backup",
            fmt::format("none is known; `{}` takes one on the coordinator's machine while the farm runs",
                        command),
            ""};
  const int64_t days = (now - last) / kDay;
  const std::string age = days >= 2 ? fmt::format("{} days ago", days)
                                    : FormatAge(absl::ToUnixNanos(last), absl::ToUnixNanos(now));
  Check check{CheckLevel::kOk, "backup", fmt::format("the newest was taken {}", age), ""};
  if (warn_after == absl::ZeroDuration() || now - last <= warn_after) return check;
  check.level = CheckLevel::kWarn;
  check.detail += fmt::format("; the policy backup.warn-after allows {}",
                              FormatSeconds(absl::ToDoubleSeconds(warn_after)));
  check.fix =
      command + " on the coordinator's machine; whatever should run it every night has said why it did not";
  return check;
}

Check CheckPlatforms(const std::vector<v1::BuildView>& builds, const std::vector<v1::WorkerView>& workers) {
  std::set<std::string> built;
  for (const v1::WorkerView& worker : workers) {
    if (!TakesTasks(worker)) continue;
    for (const v1::PlatformSupport& support : worker.info().platforms())
      built.insert(FormatPlatform(support.platform()));
  }
  std::set<std::string> missing, asked;
  bool waits = false;
  for (const v1::BuildView& build : builds) {
    for (const v1::CellView& cell : build.cells()) {
      const std::string platform = FormatPlatform(cell.platform());
      asked.insert(platform);
      if (built.contains(platform)) continue;
      missing.insert(platform);
      waits |= !IsFinished(build.status()) && !IsFinished(cell.status());
    }
  }
  const std::string name = "platforms";
  const std::string of = fmt::format("of the last {} builds", builds.size());
  if (asked.empty()) return {CheckLevel::kOk, name, "no build asked for one yet", ""};
  if (missing.empty())
    return {CheckLevel::kOk, name,
            fmt::format("somebody builds for each {}: {}", of, Listed({asked.begin(), asked.end()})), ""};
  return {waits ? CheckLevel::kFail : CheckLevel::kWarn, name,
          fmt::format("no worker that takes tasks builds for {}, which {} asked for{}",
                      Listed({missing.begin(), missing.end()}), "some " + of, waits ? "; one waits" : ""),
          "a worker on such a machine, or emulation where one runs (apt-get install qemu-user-static "
          "binfmt-support), then start that worker again"};
}

}  // namespace crossmill::cli
