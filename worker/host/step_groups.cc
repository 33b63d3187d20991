#include "worker/host/step_groups.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/base/text.h"

namespace crossmill::worker {
namespace {

constexpr uint64_t kGigabyte = uint64_t{1} << 30;
constexpr int kTries = 100;

// 0 or errno.
int Write(const std::string& path, std::string_view text) {
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.valid()) return errno;
  return write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : errno;
}

uint64_t NumberIn(const std::string& path, uint64_t otherwise) {
  const auto text = ReadFile(path, 64);
  const uint64_t number = text.ok() ? std::strtoull(text->c_str(), nullptr, 10) : 0;
  return number == 0 ? otherwise : number;
}

// Worth having, and no reason to have none.
int GiveOthers(const std::string& folder) {
  (void)Write(folder + "/cgroup.subtree_control", "+cpu");
  (void)Write(folder + "/cgroup.subtree_control", "+io");
  return 0;
}

// A group of version 2 that gives controllers to others has no processes of its own, so this one moves into a
// group beside.
int GiveControllers(const std::string& folder, std::vector<std::string>* made) {
  if (Write(folder + "/cgroup.subtree_control", "+memory +pids") == 0) return GiveOthers(folder);
  const std::string own = fmt::format("{}/crossmill-worker-{}", folder, getpid());
  if (mkdir(own.c_str(), 0755) != 0) return errno;
  made->push_back(own);
  if (const int error = Write(own + "/cgroup.procs", "0"); error != 0) return error;
  if (const int error = Write(folder + "/cgroup.subtree_control", "+memory +pids"); error != 0) return error;
  return GiveOthers(folder);
}

struct Wanted {
  uint64_t memory;
  uint64_t processes;
};

int SetLimits(const GroupPlace& place, const std::string& group, const Wanted& wanted) {
  if (place.processes) {
    if (const int error = Write(group + "/pids.max", std::to_string(wanted.processes)); error != 0)
      return error;
  }
  if (!place.memory) return 0;
  const std::string bytes = std::to_string(wanted.memory);
  const std::string file = place.version_2 ? "/memory.max" : "/memory.limit_in_bytes";
  if (const int error = Write(group + file, bytes); error != 0) return error;
  // Not every kernel counts what is swapped out; where it does, that is no way around the limit.
  (void)Write(group + (place.version_2 ? "/memory.swap.max" : "/memory.memsw.limit_in_bytes"),
              place.version_2 ? "0" : bytes);
  return 0;
}

// What must be somebody's so that it makes groups below one and moves processes between them.
int Give(const std::string& group, const StepGroupOptions& options) {
  if (!options.owner) return 0;
  for (const char* file : {"", "/cgroup.procs", "/cgroup.subtree_control", "/cgroup.event_control"}) {
    const std::string path = group + file;
    if (chown(path.c_str(), options.owner->first, options.owner->second) == 0) continue;
    // Version 1 has no such file.
    if (errno != ENOENT) return errno;
  }
  return 0;
}

// The group of all steps in one place. 0 or errno; what it made is in `made`, also then.
int MakeBase(const GroupPlace& place, const StepGroupOptions& options, const Wanted& wanted,
             std::vector<std::string>* made, StepGroupBase* base) {
  const std::string group = fmt::format("{}/crossmill-steps-{}", place.folder, getpid());
  if (place.version_2) {
    if (const int error = GiveControllers(place.folder, made); error != 0) return error;
  }
  if (mkdir(group.c_str(), 0755) != 0) return errno;
  made->push_back(group);
  if (const int error = SetLimits(place, group, wanted); error != 0) return error;
  std::string entry = group;
  if (place.version_2) {
    entry += "/entry";
    if (mkdir(entry.c_str(), 0755) != 0) return errno;
    made->push_back(entry);
    if (const int error = Write(group + "/cgroup.subtree_control", "+memory +pids"); error != 0) return error;
    GiveOthers(group);
  }
  if (const int error = Give(group, options); error != 0) return error;
  base->folder = UniqueFd(open(group.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!base->folder.valid()) return errno;
  base->join = UniqueFd(open((entry + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
  if (!base->join.valid()) return errno;
  base->memory = place.memory;
  base->processes = place.processes;
  base->processors = place.processors;
  base->version_2 = place.version_2;
  return 0;
}

// Those of steps that nobody could remove any more.
void RemoveGroupsBelow(const std::string& folder) {
  std::error_code error;
  std::filesystem::directory_iterator entry(folder, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    if (entry->is_directory(error)) rmdir(entry->path().c_str());
  }
}

// Waits until nobody has the other end any more and removes the folders, the last made first.
[[noreturn]] void RemoveAtTheEnd(int line, std::vector<std::string> folders) {
  setsid();
  prctl(PR_SET_NAME, "crossmill-tidy");
  // Whoever reads what the worker says waits for its end, not for this process's.
  for (int fd = 0; fd < 3; ++fd) close(fd);
  char byte = 0;
  while (read(line, &byte, 1) < 0 && errno == EINTR) {
  }
  std::reverse(folders.begin(), folders.end());
  for (const std::string& folder : folders) {
    // Processes that were killed are in it until the kernel is done with them.
    for (int i = 0; i < kTries && rmdir(folder.c_str()) != 0 && errno == EBUSY; ++i) {
      RemoveGroupsBelow(folder);
      usleep(50'000);
    }
  }
  _exit(0);
}

void Tidy(const std::vector<std::string>& folders) {
  int ends[2];
  if (folders.empty() || pipe2(ends, O_CLOEXEC) != 0) return;
  const pid_t child = fork();
  if (child == 0) {
    close(ends[1]);
    RemoveAtTheEnd(ends[0], folders);
  }
  // The other end stays open in this process and all that it forks.
  close(ends[0]);
}

}  // namespace

uint64_t UsualStepMemory(uint64_t total) {
  return std::max(total / 2, total - std::min(total, std::max(total / 10, kGigabyte)));
}

uint64_t UsualStepProcesses(uint64_t most_ids) { return std::clamp<uint64_t>(most_ids / 4, 64, 8'192); }

std::vector<GroupPlace> GroupPlaces(std::string_view own, const std::string& root) {
  std::vector<GroupPlace> places;
  std::string unified;
  for (const absl::string_view line : absl::StrSplit(Av(own), '\n', absl::SkipEmpty())) {
    const std::vector<std::string> parts = absl::StrSplit(line, absl::MaxSplits(':', 2));
    // A path with ".." is outside of what this process sees.
    if (parts.size() != 3 || parts[2].find("..") != std::string::npos) continue;
    const std::string path = parts[2] == "/" ? "" : parts[2];
    const std::vector<std::string> controllers = absl::StrSplit(parts[1], ',');
    const auto has = [&](std::string_view name) {
      return std::find(controllers.begin(), controllers.end(), name) != controllers.end();
    };
    if (has("memory") || has("pids") || has("cpu"))
      places.push_back({root + "/" + parts[1] + path, has("memory"), has("pids"), has("cpu"), false});
    if (parts[0] == "0") unified = root + path;
  }
  if (places.empty() && !unified.empty()) places.push_back({unified, true, true, true, true});
  return places;
}

StepGroups StepGroups::Make(const StepGroupOptions& options) {
  StepGroups groups;
  struct sysinfo machine = {};
  sysinfo(&machine);
  const Wanted wanted = {
      options.memory != 0 ? options.memory : UsualStepMemory(uint64_t{machine.totalram} * machine.mem_unit),
      options.processes != 0 ? options.processes
                             : UsualStepProcesses(NumberIn("/proc/sys/kernel/pid_max", 32'768))};
  const auto own = ReadFile(options.own, 64 << 10);
  std::vector<std::string> made, lacks;
  bool memory = false, processes = false;
  for (const GroupPlace& place : GroupPlaces(own.ok() ? *own : "", options.root)) {
    StepGroupBase base;
    const int error = MakeBase(place, options, wanted, &made, &base);
    if (error != 0) {
      lacks.push_back(fmt::format("{}: {}", place.folder, strerror(error)));
      continue;
    }
    memory |= place.memory;
    processes |= place.processes;
    groups.bases_.push_back(std::move(base));
  }
  groups.memory_ = wanted.memory;
  groups.processes_ = wanted.processes;
  Tidy(made);
  const std::string limited =
      fmt::format("memory {}, processes {}",
                  memory ? fmt::format("{} MiB", wanted.memory >> 20) : std::string("not limited"),
                  processes ? std::to_string(wanted.processes) : std::string("not limited"));
  groups.said_ =
      lacks.empty() && !groups.bases_.empty()
          ? limited
          : fmt::format("{} ({})", limited,
                        lacks.empty() ? std::string("no control groups") : fmt::format("{}", lacks[0]));
  return groups;
}

std::vector<int> StepGroups::joins() const {
  std::vector<int> joins;
  // Where only a step's own share of the processors is limited all of them together need no group.
  for (const StepGroupBase& base : bases_) {
    if (base.memory || base.processes) joins.push_back(base.join.get());
  }
  return joins;
}

void StepGroups::GiveUp(std::string_view why) {
  bases_.clear();
  said_ = fmt::format("memory not limited, processes not limited ({})", why);
}

}  // namespace crossmill::worker
