#include "coordinator/buildkit/solve/farm_arguments.h"

#include <algorithm>
#include <functional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/plan/variation.h"
#include "common/words/acceleration.h"
#include "common/words/normalize_rules.h"
#include "common/words/priority.h"
#include "common/words/step_bounds.h"
#include "common/words/time_flags.h"
#include "common/words/worker_labels.h"

namespace crossmill::coordinator::buildkit {
namespace {

struct Target {
  v1::BuildOptions& options;
  FarmChoices& choices;
};
using SetArgument = absl::Status (*)(const std::string& value, Target target);

absl::StatusOr<uint32_t> CountOf(const std::string& value, uint32_t most) {
  uint32_t number = 0;
  if (absl::SimpleAtoi(value, &number) && number <= most) return number;
  return absl::InvalidArgumentError(fmt::format("expected a number up to {}", most));
}

absl::StatusOr<bool> SwitchOf(const std::string& value) {
  if (value == "1" || value == "true" || value.empty()) return true;
  if (value == "0" || value == "false") return false;
  return absl::InvalidArgumentError("expected 1 or 0");
}

absl::Status SetVerify(const std::string& value, Target target) {
  ASSIGN_OR_RETURN(const uint32_t number, CountOf(value, 16));
  target.options.set_verify(number);
  return absl::OkStatus();
}
absl::Status SetRequire(const std::string& value, Target target) {
  if (value != "reproducible") return absl::InvalidArgumentError("expected reproducible");
  target.choices.requirement.reproducible = true;
  return absl::OkStatus();
}
absl::Status SetMinHosts(const std::string& value, Target target) {
  ASSIGN_OR_RETURN(target.choices.requirement.min_hosts, CountOf(value, 16));
  return absl::OkStatus();
}
absl::Status SetVary(const std::string& value, Target target) {
  ASSIGN_OR_RETURN(*target.options.mutable_vary(), plan::ParseVary(value));
  return absl::OkStatus();
}
absl::Status SetSameHost(const std::string& value, Target target) {
  ASSIGN_OR_RETURN(const bool on, SwitchOf(value));
  target.options.set_allow_same_host(on);
  return absl::OkStatus();
}
absl::Status SetDetach(const std::string& value, Target target) {
  ASSIGN_OR_RETURN(target.choices.detached, SwitchOf(value));
  return absl::OkStatus();
}
absl::Status SetPriority(const std::string& value, Target target) {
  ASSIGN_OR_RETURN(const int32_t priority, ParsePriority(value));
  target.options.set_priority(priority);
  return absl::OkStatus();
}
absl::Status SetPool(const std::string& value, Target target) {
  RETURN_IF_ERROR(CheckPoolName(value));
  target.options.set_pool(value);
  return absl::OkStatus();
}
absl::Status SetConstraints(const std::string& value, Target target) {
  for (const absl::string_view text : absl::StrSplit(value, ',', absl::SkipEmpty())) {
    ASSIGN_OR_RETURN(*target.options.add_constraints(), ParseConstraint(Sv(text)));
  }
  return CheckPlacement(target.options);
}
absl::Status SetNormalize(const std::string& value, Target target) {
  ASSIGN_OR_RETURN(const std::vector<std::string> rules, ParseNormalize(value));
  target.options.mutable_normalize()->Assign(rules.begin(), rules.end());
  return absl::OkStatus();
}
absl::Status SetNeutral(const std::string& value, Target target) {
  for (const absl::string_view glob : absl::StrSplit(value, ',', absl::SkipEmpty()))
    target.options.add_neutral(std::string(glob));
  return absl::OkStatus();
}
absl::Status SetEmulation(const std::string& value, Target target) {
  if (value != "allow" && value != "never") return absl::InvalidArgumentError("expected allow or never");
  target.options.set_forbid_emulation(value == "never");
  return absl::OkStatus();
}
absl::Status SetAccelerate(const std::string& value, Target target) {
  ASSIGN_OR_RETURN(const v1::Acceleration acceleration, ParseAcceleration(value));
  target.options.set_accelerate(acceleration);
  return absl::OkStatus();
}
absl::Status SetTimeout(const std::string& value, Target target) {
  ASSIGN_OR_RETURN(const uint32_t seconds, ParseTimeout(value, "the value"));
  target.options.set_timeout(seconds);
  return absl::OkStatus();
}
absl::Status SetStepTimeout(const std::string& value, Target target) {
  ASSIGN_OR_RETURN(const uint32_t seconds, ParseTimeout(value, "the value"));
  target.options.set_step_timeout(seconds);
  return absl::OkStatus();
}
absl::Status SetOffline(const std::string& value, Target target) {
  ASSIGN_OR_RETURN(const bool on, SwitchOf(value));
  target.options.set_offline(on);
  return absl::OkStatus();
}
absl::Status SetExcludeNewer(const std::string& value, Target target) {
  ASSIGN_OR_RETURN(const int64_t seconds, ParseDate(value));
  target.options.set_exclude_newer(seconds);
  return absl::OkStatus();
}
absl::Status SetNoCompileAhead(const std::string& value, Target target) {
  ASSIGN_OR_RETURN(const bool on, SwitchOf(value));
  target.options.set_no_compile_ahead(on);
  return absl::OkStatus();
}
absl::Status SetNoWheelCache(const std::string& value, Target target) {
  ASSIGN_OR_RETURN(const bool on, SwitchOf(value));
  target.options.set_no_wheel_cache(on);
  return absl::OkStatus();
}
absl::Status SetKeepTimes(const std::string& value, Target target) {
  ASSIGN_OR_RETURN(const bool on, SwitchOf(value));
  target.options.set_keep_times(on);
  return absl::OkStatus();
}
absl::Status SetNames(const std::string& value, Target target) {
  for (const absl::string_view name : absl::StrSplit(value, ',', absl::SkipEmpty()))
    target.options.add_tags(std::string(name));
  return absl::OkStatus();
}

template <v1::StepBound kBound>
absl::Status SetBound(const std::string& value, Target target) {
  ASSIGN_OR_RETURN(const uint64_t bound, ParseStepBound(kBound, value, "the value"));
  SetValue(kBound, bound, target.options.mutable_step_bounds());
  return absl::OkStatus();
}

struct Row {
  FarmArgument argument;
  SetArgument set;
};

// By name.
constexpr Row kRows[] = {
    {{"CROSSMILL_ACCELERATE", "--accelerate", "verify"}, SetAccelerate},
    {{"CROSSMILL_ALLOW_SAME_HOST", "--allow-same-host", "1"}, SetSameHost},
    {{"CROSSMILL_CONSTRAINT", "--constraint", "disk=fast,rack!=b"}, SetConstraints},
    {{"CROSSMILL_CPUS", "--cpus", "1.5"}, SetBound<v1::STEP_BOUND_CPU>},
    {{"CROSSMILL_DETACH", "--detach", "1"}, SetDetach},
    {{"CROSSMILL_EMULATION", "--emulation", "never"}, SetEmulation},
    {{"CROSSMILL_EXCLUDE_NEWER", "--exclude-newer", "2024-05-01"}, SetExcludeNewer},
    {{"CROSSMILL_KEEP_TIMES", "--source-date-epoch=none", "1"}, SetKeepTimes},
    {{"CROSSMILL_MEMORY", "--memory", "2g"}, SetBound<v1::STEP_BOUND_MEMORY>},
    {{"CROSSMILL_MIN_HOSTS", "--min-hosts", "2"}, SetMinHosts},
    {{"CROSSMILL_NEUTRAL", "--neutral", "/srv/static/*"}, SetNeutral},
    {{"CROSSMILL_NORMALIZE", "--normalize", "all"}, SetNormalize},
    {{"CROSSMILL_NO_COMPILE_AHEAD", "--no-compile-ahead", "1"}, SetNoCompileAhead},
    {{"CROSSMILL_NO_WHEEL_CACHE", "--no-wheel-cache", "1"}, SetNoWheelCache},
    {{"CROSSMILL_OFFLINE", "--offline", "1"}, SetOffline},
    {{"CROSSMILL_PIDS_LIMIT", "--pids-limit", "100"}, SetBound<v1::STEP_BOUND_PROCESSES>},
    {{"CROSSMILL_POOL", "--pool", "big"}, SetPool},
    {{"CROSSMILL_PRIORITY", "--priority", "high"}, SetPriority},
    {{"CROSSMILL_REQUIRE", "--require", "reproducible"}, SetRequire},
    {{"CROSSMILL_STEP_DISK", "--step-disk", "10g"}, SetBound<v1::STEP_BOUND_DISK>},
    {{"CROSSMILL_STEP_LOG", "--step-log", "100m"}, SetBound<v1::STEP_BOUND_LOG>},
    {{"CROSSMILL_STEP_TIMEOUT", "--step-timeout", "30m"}, SetStepTimeout},
    {{"CROSSMILL_TAG", "--tag", "team/app:1"}, SetNames},
    {{"CROSSMILL_TIMEOUT", "--timeout", "1h"}, SetTimeout},
    {{"CROSSMILL_VARY", "--vary", "clock"}, SetVary},
    {{"CROSSMILL_VERIFY", "--verify", "2"}, SetVerify},
};

}  // namespace

const std::vector<FarmArgument>& FarmArguments() {
  static const auto* const all = [] {
    auto* arguments = new std::vector<FarmArgument>();
    for (const Row& row : kRows) arguments->push_back(row.argument);
    return arguments;
  }();
  return *all;
}

absl::Status AddFarmArgument(std::string_view name, const std::string& value, v1::BuildOptions* options,
                             FarmChoices* choices) {
  for (const Row& row : kRows) {
    if (row.argument.name != name) continue;
    const absl::Status set = row.set(value, {*options, *choices});
    if (set.ok()) return set;
    return absl::InvalidArgumentError(
        fmt::format("build argument {}={}: {}", name, Printable(value.substr(0, 100)), Sv(set.message())));
  }
  std::string known;
  for (const Row& row : kRows) known += (known.empty() ? "" : ", ") + std::string(row.argument.name);
  return absl::InvalidArgumentError(fmt::format(
      "build argument {}: names that begin with CROSSMILL_ are the farm's own options, and this is none of "
      "them: {}",
      Printable(name.substr(0, 100)), known));
}

absl::Status FinishFarmArguments(v1::BuildOptions* options, const FarmChoices& choices) {
  const Requirement& requirement = choices.requirement;
  const uint32_t hosts = requirement.min_hosts;
  if (hosts > 0 && !requirement.reproducible)
    return absl::InvalidArgumentError("CROSSMILL_MIN_HOSTS needs CROSSMILL_REQUIRE=reproducible");
  if (options->verify() == 0 && requirement.reproducible) options->set_verify(std::max(2u, hosts));
  if (requirement.reproducible && options->verify() < std::max(2u, hosts)) {
    return absl::InvalidArgumentError(
        fmt::format("CROSSMILL_REQUIRE=reproducible needs at least {} executions: CROSSMILL_VERIFY={}",
                    std::max(2u, hosts), std::max(2u, hosts)));
  }
  if (options->has_vary() && options->verify() < 2)
    return absl::InvalidArgumentError(
        "CROSSMILL_VARY says how compared executions differ: it needs CROSSMILL_VERIFY=2");
  if ((options->offline() || options->has_exclude_newer()) &&
      options->network() != v1::NETWORK_MODE_RECORDED) {
    return absl::InvalidArgumentError(
        "CROSSMILL_OFFLINE and CROSSMILL_EXCLUDE_NEWER are for steps on the recorded network: leave out "
        "--network");
  }
  return absl::OkStatus();
}

}  // namespace crossmill::coordinator::buildkit
