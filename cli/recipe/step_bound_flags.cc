#include "cli/recipe/step_bound_flags.h"

#include <CLI/CLI.hpp>

#include "common/base/status.h"
#include "common/words/step_bounds.h"

namespace crossmill::cli {
namespace {

// Docker's own default, in microseconds.
constexpr uint64_t kPeriod = 100'000;

// -1 and 0 are docker's words for no limit.
bool IsNone(const std::string& text) { return text.empty() || text == "0" || text == "-1"; }

absl::StatusOr<uint64_t> Microseconds(const std::string& text, std::string_view flag) {
  return ParseStepBound(v1::STEP_BOUND_PROCESSES, text, flag);
}

// Quota and period together are a number of processors.
absl::Status AddQuota(const StepBoundFlags& flags, v1::StepBounds* bounds) {
  if (IsNone(flags.cpu_quota)) {
    if (IsNone(flags.cpu_period)) return absl::OkStatus();
    return absl::InvalidArgumentError("--cpu-period says nothing without --cpu-quota; --cpus 1.5 says both");
  }
  if (!IsNone(flags.cpus)) return absl::InvalidArgumentError("--cpus and --cpu-quota say the same: give one");
  ASSIGN_OR_RETURN(const uint64_t quota, Microseconds(flags.cpu_quota, "--cpu-quota"));
  uint64_t period = kPeriod;
  if (!IsNone(flags.cpu_period)) {
    ASSIGN_OR_RETURN(period, Microseconds(flags.cpu_period, "--cpu-period"));
  }
  const uint64_t millis = quota * 1000 / period;
  if (millis < 10 || millis > 100'000'000) {
    return absl::InvalidArgumentError(
        fmt::format("--cpu-quota {} of --cpu-period {}: expected 0.01 processors at least, 100000 at most",
                    quota, period));
  }
  bounds->set_cpu_millis(static_cast<uint32_t>(millis));
  return absl::OkStatus();
}

}  // namespace

void AddStepBoundFlags(CLI::App* command, StepBoundFlags* flags) {
  command->add_option("-m,--memory", flags->memory, "Memory of each RUN step: 2g")->type_name("SIZE");
  command->add_option("--cpus", flags->cpus, "Processors of each RUN step: 1.5")->type_name("N");
  command->add_option("--cpu-quota", flags->cpu_quota, "The same as docker build says it, in microseconds")
      ->type_name("N")
      ->group("");
  command->add_option("--cpu-period", flags->cpu_period, "Of --cpu-quota [100000]")
      ->type_name("N")
      ->group("");
  command->add_option("--pids-limit", flags->processes, "Processes and threads of each RUN step")
      ->type_name("N");
  command->add_option("--step-disk", flags->disk, "What each RUN step may write into its root: 10g")
      ->type_name("SIZE");
  command->add_option("--step-log", flags->log, "Console of each RUN step; the rest is left out: 100m")
      ->type_name("SIZE");
}

absl::StatusOr<v1::StepBounds> MakeStepBounds(const StepBoundFlags& flags) {
  v1::StepBounds bounds;
  const auto add = [&](v1::StepBound bound, const std::string& text) -> absl::Status {
    if (IsNone(text)) return absl::OkStatus();
    ASSIGN_OR_RETURN(const uint64_t value, ParseStepBound(bound, text, StepBoundFlag(bound)));
    SetValue(bound, value, &bounds);
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(add(v1::STEP_BOUND_MEMORY, flags.memory));
  RETURN_IF_ERROR(add(v1::STEP_BOUND_CPU, flags.cpus));
  RETURN_IF_ERROR(AddQuota(flags, &bounds));
  RETURN_IF_ERROR(add(v1::STEP_BOUND_PROCESSES, flags.processes));
  RETURN_IF_ERROR(add(v1::STEP_BOUND_DISK, flags.disk));
  RETURN_IF_ERROR(add(v1::STEP_BOUND_LOG, flags.log));
  return bounds;
}

}  // namespace crossmill::cli
