#include "worker/sandbox/step_limits.h"

#include <algorithm>
#include <cctype>

#include "common/base/status.h"

namespace crossmill::worker {
namespace {

constexpr std::pair<const char*, int> kLimits[] = {
    {"as", RLIMIT_AS},           {"core", RLIMIT_CORE},         {"cpu", RLIMIT_CPU},
    {"data", RLIMIT_DATA},       {"fsize", RLIMIT_FSIZE},       {"locks", RLIMIT_LOCKS},
    {"memlock", RLIMIT_MEMLOCK}, {"msgqueue", RLIMIT_MSGQUEUE}, {"nice", RLIMIT_NICE},
    {"nofile", RLIMIT_NOFILE},   {"nproc", RLIMIT_NPROC},       {"rss", RLIMIT_RSS},
    {"rtprio", RLIMIT_RTPRIO},   {"rttime", RLIMIT_RTTIME},     {"sigpending", RLIMIT_SIGPENDING},
    {"stack", RLIMIT_STACK}};

// Some programs walk over all possible descriptors.
constexpr rlim_t kOpenFilesSoft = 1024;
constexpr rlim_t kOpenFilesHard = 524288;

rlim_t FromInteger(int64_t value) { return value < 0 ? RLIM_INFINITY : static_cast<rlim_t>(value); }

std::string ToText(rlim_t value) {
  return value == RLIM_INFINITY ? "unlimited" : fmt::format("{}", uint64_t{value});
}

std::string TypeOf(std::string_view name) {
  std::string type = "RLIMIT_";
  for (const char c : name) type += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return type;
}

}  // namespace

std::map<std::string, rlimit, std::less<>> LimitsOfThisProcess() {
  std::map<std::string, rlimit, std::less<>> limits;
  for (const auto& [name, resource] : kLimits) {
    rlimit value{};
    if (getrlimit(static_cast<__rlimit_resource_t>(resource), &value) == 0) limits[name] = value;
  }
  return limits;
}

absl::StatusOr<StepLimits> MakeStepLimits(const v1::Run& run, bool holds_secrets,
                                          const std::map<std::string, rlimit, std::less<>>& available_here,
                                          uint32_t most_files) {
  std::map<std::string, rlimit, std::less<>> available = available_here;
  if (const auto files = available.find("nofile"); most_files > 0 && files != available.end())
    files->second.rlim_max = std::min<rlim_t>(files->second.rlim_max, most_files);
  std::map<std::string, rlimit, std::less<>> wanted = {{"nofile", {kOpenFilesSoft, kOpenFilesHard}}};
  if (const auto core = available.find("core"); core != available.end()) wanted["core"] = core->second;
  StepLimits result;
  std::map<std::string, bool, std::less<>> named;
  for (const v1::Ulimit& limit : run.ulimits()) {
    if (!available.contains(limit.name())) {
      return absl::InvalidArgumentError(fmt::format("there is no ulimit '{}'", limit.name()));
    }
    wanted[limit.name()] = {FromInteger(limit.soft()), FromInteger(limit.hard())};
    named[limit.name()] = true;
  }
  if (holds_secrets) {
    if (named["core"] && wanted["core"].rlim_max > 0) {
      result.warnings.emplace_back("ulimit core is 0: a core dump could hold the step's secrets");
    }
    wanted["core"] = {0, 0};
  }
  for (const auto& [name, limit] : wanted) {
    const auto most = available.find(name);
    const rlim_t hard =
        most == available.end() ? limit.rlim_max : std::min(limit.rlim_max, most->second.rlim_max);
    const rlim_t soft = std::min(limit.rlim_cur, hard);
    if (named[name] && (hard != limit.rlim_max || soft != limit.rlim_cur) &&
        !(holds_secrets && name == "core")) {
      result.warnings.push_back(
          fmt::format("ulimit {}: {}:{} lowered to {}:{}, the most this worker may give", name,
                      ToText(limit.rlim_cur), ToText(limit.rlim_max), ToText(soft), ToText(hard)));
    }
    result.limits.push_back({TypeOf(name), soft, hard});
  }
  return result;
}

}  // namespace crossmill::worker
