#include "worker/sandbox/bounded_step.h"

#include <unistd.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "common/base/log.h"
#include "common/base/room/folder_size.h"
#include "common/base/status.h"
#include "common/words/step_bounds.h"
#include "worker/bounds/process_sample.h"
#include "worker/bounds/step_verdict.h"

namespace crossmill::worker {

absl::Status TryStepGroup(absl::Span<const StepGroupBase> bases) {
  v1::StepBounds bounds;
  // So that the processors' group is tried, too; the limit is none.
  bounds.set_cpu_millis(1'000'000);
  ASSIGN_OR_RETURN(const auto group, StepGroup::Make(bases, fmt::format("try-{}", getpid()), bounds));
  ProcessOptions tried;
  tried.argv = {"true"};
  tried.joins = group->joins();
  return RunProcess(tried).status();
}

BoundedStep::BoundedStep(const SandboxRun& run, const StepGroups* groups, const std::string& name)
    : run_(run),
      watched_(run.bounds),
      processors_(run.processors),
      forward_(run.stop, std::function<void()>([this] { stop_.request_stop(); })) {
  if (groups != nullptr) {
    auto group = StepGroup::Make(groups->bases(), name, run.bounds);
    if (group.ok()) {
      group_ = *std::move(group);
    } else {
      LogWarning("no control group for {}: {}", name, group.status().ToString());
    }
  }
  if (group_ != nullptr && group_->limits_memory()) watched_.clear_memory();
  if (group_ != nullptr && group_->limits_processes()) watched_.clear_processes();
  // What was asked for, and is enforced less well than it sounds.
  if (watched_.memory() > 0 && run.asked.memory() > 0)
    Warn(
        "there is no control group for memory here: the limit is watched some times a second, and may be "
        "exceeded between");
  if (watched_.processes() > 0 && run.asked.processes() > 0)
    Warn("there is no control group for processes here: their number is watched some times a second");
  if (watched_.disk() > 0 && run.written.empty()) {
    watched_.clear_disk();
    if (run.asked.disk() > 0) Warn("what it writes cannot be measured here: the disk limit is not in force");
  }
  LimitProcessors();
}

void BoundedStep::LimitProcessors() {
  const uint32_t millis = run_.bounds.cpu_millis();
  if (millis == 0 || (group_ != nullptr && group_->limits_processors())) return;
  const unsigned whole = (millis + 999) / 1000;
  if (processors_ == 0 || whole < processors_) processors_ = whole;
  if (millis % 1000 != 0 && run_.asked.cpu_millis() == millis) {
    Warn(fmt::format("there is no control group for processors here: it may use {} of them instead of {:g}",
                     whole, static_cast<double>(millis) / 1000));
  }
}

void BoundedStep::Warn(const std::string& line) const {
  run_.on_output(v1::LogChunk::STREAM_WORKER, fmt::format("warning: {}\n", line));
}

std::vector<int> BoundedStep::joins() const {
  return group_ == nullptr ? std::vector<int>() : group_->joins();
}

void BoundedStep::Started(pid_t pid) {
  WatchdogOptions options;
  options.bounds = watched_;
  options.processes = [pid](bool precise) { return SampleDescendants(pid, precise); };
  options.disk = [this]() -> std::optional<uint64_t> {
    constexpr uint64_t kAll = std::numeric_limits<int64_t>::max();
    const auto size = MeasureFolder(run_.written, static_cast<int64_t>(std::min(run_.bounds.disk(), kAll)));
    return size.ok() ? std::optional(static_cast<uint64_t>(size->bytes)) : std::nullopt;
  };
  options.kill = [this] { stop_.request_stop(); };
  watchdog_ = std::make_unique<StepWatchdog>(std::move(options));
}

absl::Status BoundedStep::Ended(const ProcessResult& process, SandboxResult* result) {
  BoundFacts facts;
  if (watchdog_ != nullptr) {
    watchdog_->Stop();
    facts.watched = watchdog_->reached();
  }
  // Whoever asked first: one that was cancelled is that, and a limit is no cancellation.
  if (run_.stop.stop_requested()) facts.watched.reset();
  if (facts.watched) result->stopped = false;
  facts.bounds = run_.bounds;
  facts.asked = run_.asked;
  facts.failed = result->exit_code != 0;
  if (group_ != nullptr) {
    facts.group = group_->Read();
    facts.above_at_memory_limit = group_->above_at_memory_limit();
    result->not_killed_for_memory = facts.group.memory_kills == uint64_t{0};
  }
  TellUse(process, facts.group, result);
  if (result->stopped || result->timed_out) return absl::OkStatus();
  BoundVerdict verdict = JudgeBounds(facts);
  RETURN_IF_ERROR(verdict.elsewhere);
  result->bound = std::move(verdict.reached);
  for (std::string& warning : verdict.warnings) result->warnings.push_back(std::move(warning));
  return absl::OkStatus();
}

void BoundedStep::TellUse(const ProcessResult& process, const GroupReadings& group,
                          SandboxResult* result) const {
  v1::StepUse& use = result->use;
  *use.mutable_bounds() = run_.bounds;
  if (group.peak_memory) use.set_group_peak_memory(*group.peak_memory);
  // Of a step that was killed nobody waited for its processes, so only a group knows.
  const bool waited = !process.stopped && !process.timed_out;
  if (waited) {
    use.set_user_seconds(process.user_seconds);
    use.set_system_seconds(process.system_seconds);
    static const bool counted = access("/proc/self/io", F_OK) == 0;
    if (counted) use.set_bytes_read(process.bytes_read);
    if (counted) use.set_bytes_written(process.bytes_written);
  }
  if (group.user_seconds) use.set_user_seconds(*group.user_seconds);
  if (group.system_seconds) use.set_system_seconds(*group.system_seconds);
  if (group.bytes_read) use.set_bytes_read(*group.bytes_read);
  if (group.bytes_written) use.set_bytes_written(*group.bytes_written);
}

}  // namespace crossmill::worker
