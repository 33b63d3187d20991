#include "worker/bounds/step_group.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "absl/strings/str_split.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/base/text.h"

namespace crossmill::worker {
namespace {

constexpr unsigned kPeriodMicroseconds = 100'000;
// Less than a millisecond in a period the kernel refuses.
constexpr unsigned kLeastQuota = 1'000;
constexpr int kRemoveTries = 100;
constexpr useconds_t kRemoveWait = 10'000;

int WriteAt(int folder, const char* file, std::string_view text) {
  const UniqueFd fd(openat(folder, file, O_WRONLY | O_CLOEXEC));
  if (!fd.valid()) return errno;
  return write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : errno;
}

std::optional<std::string> ReadAt(int folder, const char* file) {
  const UniqueFd fd(openat(folder, file, O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return std::nullopt;
  auto text = ReadAll(fd.get());
  if (!text.ok()) return std::nullopt;
  return *std::move(text);
}

std::optional<uint64_t> NumberAt(int folder, const char* file) {
  const auto text = ReadAt(folder, file);
  if (!text || text->empty() || (*text)[0] < '0' || (*text)[0] > '9') return std::nullopt;
  return std::strtoull(text->c_str(), nullptr, 10);
}

// The number behind a name in lines of "name number".
std::optional<uint64_t> FieldOf(const std::optional<std::string>& text, std::string_view name) {
  if (!text) return std::nullopt;
  for (const absl::string_view line : absl::StrSplit(*text, '\n')) {
    const std::string_view words = Sv(line);
    if (words.size() > name.size() && words.starts_with(name) && words[name.size()] == ' ')
      return std::strtoull(std::string(words.substr(name.size() + 1)).c_str(), nullptr, 10);
  }
  return std::nullopt;
}

// Over all devices, of lines such as "8:0 rbytes=1 wbytes=2 ...".
std::optional<uint64_t> DeviceSum(const std::optional<std::string>& text, std::string_view name) {
  if (!text) return std::nullopt;
  uint64_t sum = 0;
  for (const absl::string_view word : absl::StrSplit(*text, absl::ByAnyChar(" \n"))) {
    const std::string_view pair = Sv(word);
    if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=')
      sum += std::strtoull(std::string(pair.substr(name.size() + 1)).c_str(), nullptr, 10);
  }
  return sum;
}

void ReadMemory(int folder, bool version_2, GroupReadings* readings) {
  if (!version_2) {
    readings->peak_memory = NumberAt(folder, "memory.max_usage_in_bytes");
    readings->memory_kills = FieldOf(ReadAt(folder, "memory.oom_control"), "oom_kill");
    // How often it came to its limit is not there to be read: not every kernel counts in memory.failcnt.
    return;
  }
  readings->peak_memory = NumberAt(folder, "memory.peak");
  auto events = ReadAt(folder, "memory.events.local");
  if (!events) events = ReadAt(folder, "memory.events");
  readings->memory_kills = FieldOf(events, "oom_kill");
  readings->at_memory_limit = FieldOf(events, "oom");
  readings->at_limit_is_exact = true;
}

void ReadProcessors(int folder, bool version_2, GroupReadings* readings) {
  const auto stat = ReadAt(folder, "cpu.stat");
  readings->throttled_periods = FieldOf(stat, "nr_throttled");
  if (!version_2) return;
  if (const auto user = FieldOf(stat, "user_usec")) readings->user_seconds = static_cast<double>(*user) / 1e6;
  if (const auto system = FieldOf(stat, "system_usec"))
    readings->system_seconds = static_cast<double>(*system) / 1e6;
}

// Counts how often a group of version 1, or one above it, had no memory left. Not valid: the kernel does not
// tell.
UniqueFd WatchMemory(int folder) {
  UniqueFd event(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  const UniqueFd control(openat(folder, "memory.oom_control", O_RDONLY | O_CLOEXEC));
  if (!event.valid() || !control.valid()) return {};
  const std::string wish = fmt::format("{} {}", event.get(), control.get());
  return WriteAt(folder, "cgroup.event_control", wish) == 0 ? std::move(event) : UniqueFd();
}

int SetMemory(int folder, bool version_2, uint64_t bytes) {
  const std::string text = std::to_string(bytes);
  if (const int error = WriteAt(folder, version_2 ? "memory.max" : "memory.limit_in_bytes", text); error != 0)
    return error;
  // Not every kernel counts what is swapped out; where it does, that is no way around the limit.
  (void)WriteAt(folder, version_2 ? "memory.swap.max" : "memory.memsw.limit_in_bytes",
                version_2 ? "0" : text);
  return 0;
}

int SetProcessors(int folder, bool version_2, uint32_t millis) {
  const uint64_t quota = std::max<uint64_t>(kLeastQuota, uint64_t{millis} * kPeriodMicroseconds / 1000);
  if (version_2) return WriteAt(folder, "cpu.max", fmt::format("{} {}", quota, kPeriodMicroseconds));
  if (const int error = WriteAt(folder, "cpu.cfs_period_us", std::to_string(kPeriodMicroseconds)); error != 0)
    return error;
  return WriteAt(folder, "cpu.cfs_quota_us", std::to_string(quota));
}

}  // namespace

void ReadGroup(int folder, const StepGroupBase& kind, GroupReadings* readings) {
  if (kind.memory) ReadMemory(folder, kind.version_2, readings);
  if (kind.processes) {
    auto events = ReadAt(folder, "pids.events.local");
    if (!events) events = ReadAt(folder, "pids.events");
    readings->refused_processes = FieldOf(events, "max");
    readings->peak_processes = NumberAt(folder, "pids.peak");
  }
  if (kind.processors) ReadProcessors(folder, kind.version_2, readings);
  if (!kind.version_2) return;
  const auto io = ReadAt(folder, "io.stat");
  readings->bytes_read = DeviceSum(io, "rbytes");
  readings->bytes_written = DeviceSum(io, "wbytes");
}

absl::Status StepGroup::Add(const StepGroupBase& base, const v1::StepBounds& bounds) {
  if (mkdirat(base.folder.get(), name_.c_str(), 0755) != 0)
    return ErrnoStatus(errno, "making a control group");
  parts_.push_back(Part{&base});
  Part& part = parts_.back();
  part.folder = UniqueFd(openat(base.folder.get(), name_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!part.folder.valid()) return ErrnoStatus(errno, "opening a control group");
  const int folder = part.folder.get();
  part.join = UniqueFd(openat(folder, "cgroup.procs", O_WRONLY | O_CLOEXEC));
  if (!part.join.valid()) return ErrnoStatus(errno, "cgroup.procs");
  int error = 0;
  if (base.memory && !base.version_2) {
    part.came.event = WatchMemory(folder);
    part.above.event = WatchMemory(base.folder.get());
  }
  if (base.memory && bounds.memory() > 0) error = SetMemory(folder, base.version_2, bounds.memory());
  if (error != 0) return ErrnoStatus(error, "limiting memory");
  if (base.processes && bounds.processes() > 0)
    error = WriteAt(folder, "pids.max", std::to_string(bounds.processes()));
  if (error != 0) return ErrnoStatus(error, "pids.max");
  // A version 2 that was not given the controller has no such file: the caller has other means.
  if (base.processors && bounds.cpu_millis() > 0)
    error = SetProcessors(folder, base.version_2, bounds.cpu_millis());
  if (error != 0 && !base.version_2) return ErrnoStatus(error, "limiting processors");
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<StepGroup>> StepGroup::Make(absl::Span<const StepGroupBase> bases,
                                                           const std::string& name,
                                                           const v1::StepBounds& bounds) {
  std::unique_ptr<StepGroup> group(new StepGroup(name));
  for (const StepGroupBase& base : bases) {
    if (!base.memory && !base.processes && bounds.cpu_millis() == 0) continue;
    RETURN_IF_ERROR(group->Add(base, bounds));
  }
  group->above_before_ = group->ReadAbove();
  return group;
}

StepGroup::~StepGroup() {
  Kill();
  for (Part& part : parts_) {
    part.join.Reset();
    part.folder.Reset();
    part.came.event.Reset();
    part.above.event.Reset();
    // Processes that were killed are in it until the kernel is done with them.
    for (int i = 0; i < kRemoveTries; ++i) {
      if (unlinkat(part.base->folder.get(), name_.c_str(), AT_REMOVEDIR) == 0 || errno != EBUSY) break;
      usleep(kRemoveWait);
      Kill();
    }
  }
}

std::vector<int> StepGroup::joins() const {
  std::vector<int> joins;
  for (const Part& part : parts_) {
    if (part.base->version_2) joins.push_back(part.base->join.get());
    joins.push_back(part.join.get());
  }
  return joins;
}

GroupReadings StepGroup::Read() const {
  GroupReadings readings;
  for (const Part& part : parts_) {
    ReadGroup(part.folder.get(), *part.base, &readings);
    if (part.base->memory && !part.base->version_2) readings.at_memory_limit = part.came.Count();
  }
  return readings;
}

void StepGroup::Kill() const {
  for (const Part& part : parts_) {
    if (!part.folder.valid()) continue;
    const auto text = ReadAt(part.folder.get(), "cgroup.procs");
    if (!text) continue;
    for (const absl::string_view line : absl::StrSplit(*text, '\n', absl::SkipEmpty())) {
      const pid_t pid = static_cast<pid_t>(std::strtol(std::string(Sv(line)).c_str(), nullptr, 10));
      // 0 is one that this process id namespace does not have.
      if (pid > 0 && pid != getpid()) kill(pid, SIGKILL);
    }
  }
}

bool StepGroup::limits_memory() const {
  return std::any_of(parts_.begin(), parts_.end(), [](const Part& part) { return part.base->memory; });
}

bool StepGroup::limits_processes() const {
  return std::any_of(parts_.begin(), parts_.end(), [](const Part& part) { return part.base->processes; });
}

bool StepGroup::limits_processors() const {
  return std::any_of(parts_.begin(), parts_.end(), [](const Part& part) {
    return part.base->processors && part.folder.valid() &&
           faccessat(part.folder.get(), part.base->version_2 ? "cpu.max" : "cpu.cfs_quota_us", F_OK, 0) == 0;
  });
}

std::optional<uint64_t> StepGroup::EventCount::Count() const {
  if (!event.valid()) return std::nullopt;
  uint64_t more = 0;
  if (read(event.get(), &more, sizeof(more)) == sizeof(more)) so_far += more;
  return so_far;
}

std::optional<uint64_t> StepGroup::ReadAbove() const {
  for (const Part& part : parts_) {
    if (!part.base->memory) continue;
    if (!part.base->version_2) return part.above.Count();
    GroupReadings readings;
    ReadMemory(part.base->folder.get(), true, &readings);
    return readings.at_memory_limit;
  }
  return std::nullopt;
}

std::optional<uint64_t> StepGroup::above_at_memory_limit() const {
  const auto now = ReadAbove();
  if (!now || !above_before_ || *now < *above_before_) return std::nullopt;
  return *now - *above_before_;
}

}  // namespace crossmill::worker
