#include "common/words/words.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/words/platform.h"

namespace crossmill {

std::string_view Word(v1::BuildStatus status) {
  switch (status) {
    case v1::BUILD_STATUS_PLANNING:
      return "planning";
    case v1::BUILD_STATUS_QUEUED:
      return "queued";
    case v1::BUILD_STATUS_RUNNING:
      return "running";
    case v1::BUILD_STATUS_SUCCEEDED:
      return "succeeded";
    case v1::BUILD_STATUS_FAILED:
      return "failed";
    case v1::BUILD_STATUS_CANCELLED:
      return "cancelled";
    case v1::BUILD_STATUS_INFRASTRUCTURE_FAILED:
      return "infrastructure-failed";
    case v1::BUILD_STATUS_TIMED_OUT:
      return "timed-out";
    default:
      return "unknown";
  }
}

std::string_view Word(v1::StepStatus status) {
  switch (status) {
    case v1::STEP_STATUS_WAITING:
      return "waiting";
    case v1::STEP_STATUS_RUNNING:
      return "running";
    case v1::STEP_STATUS_EXECUTED:
      return "executed";
    case v1::STEP_STATUS_CACHED:
      return "cached";
    case v1::STEP_STATUS_FAILED:
      return "failed";
    case v1::STEP_STATUS_CANCELLED:
      return "cancelled";
    case v1::STEP_STATUS_METADATA:
      return "metadata";
    case v1::STEP_STATUS_SHARED:
      return "shared";
    default:
      return "unknown";
  }
}

std::string_view Word(v1::Verdict verdict) {
  switch (verdict) {
    case v1::VERDICT_REPRODUCIBLE:
      return "reproducible";
    case v1::VERDICT_UNREPRODUCIBLE:
      return "unreproducible";
    case v1::VERDICT_UNVERIFIED:
      return "unverified";
    case v1::VERDICT_INPUT_DRIFT:
      return "input-drift";
    case v1::VERDICT_FLAKY:
      return "flaky";
    case v1::VERDICT_FAILED:
      return "failed";
    case v1::VERDICT_INCONCLUSIVE:
      return "inconclusive";
    default:
      return "unknown";
  }
}

std::string_view Word(v1::Outcome outcome) {
  switch (outcome) {
    case v1::OUTCOME_WHEEL:
      return "wheel";
    case v1::OUTCOME_SOURCE:
      return "source";
    case v1::OUTCOME_SOURCE_CACHED:
      return "source-cached";
    case v1::OUTCOME_VCS:
      return "vcs";
    case v1::OUTCOME_LOCAL:
      return "local";
    case v1::OUTCOME_EDITABLE:
      return "editable";
    case v1::OUTCOME_DISTRO:
      return "distro";
    case v1::OUTCOME_FAILED:
      return "failed";
    case v1::OUTCOME_BYPASSED:
      return "bypassed";
    default:
      // OUTCOME_UNKNOWN, and what a newer program may say.
      return "unknown";
  }
}

std::string_view Word(v1::PathDifference::Kind kind) {
  switch (kind) {
    case v1::PathDifference::KIND_ONLY_FIRST:
      return "only-first";
    case v1::PathDifference::KIND_ONLY_SECOND:
      return "only-second";
    case v1::PathDifference::KIND_CONTENT:
      return "content";
    case v1::PathDifference::KIND_METADATA:
      return "metadata";
    case v1::PathDifference::KIND_TIME:
      return "time";
    default:
      return "unknown";
  }
}

namespace {

struct AspectName {
  v1::Aspect aspect;
  std::string_view word;
  std::string_view phrase;
};
constexpr AspectName kAspectNames[] = {
    {v1::ASPECT_CLOCK, "clock", "clock"},
    {v1::ASPECT_HOST_NAME, "host-name", "host name"},
    {v1::ASPECT_PROCESSORS, "processors", "number of processors"},
    {v1::ASPECT_FILE_ORDER, "file-order", "file order"},
    {v1::ASPECT_PROCESS_IDS, "process-ids", "process ids"},
    {v1::ASPECT_KERNEL, "kernel", "kernel"},
    {v1::ASPECT_CPU_MODEL, "cpu-model", "CPU model"},
    {v1::ASPECT_ENVIRONMENT, "environment", "environment"},
    {v1::ASPECT_TIME_ZONE, "time-zone", "time zone"},
    {v1::ASPECT_LOCALE, "locale", "locale"},
    {v1::ASPECT_SEARCH_PATH, "search-path", "search path"},
    {v1::ASPECT_EMULATED_PROCESSOR, "emulated-processor", "emulated processor"},
};

AspectName NameOf(v1::Aspect aspect) {
  for (const AspectName& name : kAspectNames) {
    if (name.aspect == aspect) return name;
  }
  return {};
}

}  // namespace

std::string_view Word(v1::Aspect aspect) { return NameOf(aspect).word; }

std::string_view Phrase(v1::Aspect aspect) { return NameOf(aspect).phrase; }

std::string_view Word(v1::NetworkMode mode) {
  switch (mode) {
    case v1::NETWORK_MODE_NONE:
      return "none";
    case v1::NETWORK_MODE_HOST:
      return "host";
    case v1::NETWORK_MODE_RECORDED:
      return "recorded";
    default:
      return "";
  }
}

std::string_view Word(v1::Fetch::Kind kind) {
  switch (kind) {
    case v1::Fetch::KIND_HTTP:
      return "http";
    case v1::Fetch::KIND_TUNNEL:
      return "tunnel";
    case v1::Fetch::KIND_INDEX:
      return "index";
    default:
      return "unknown";
  }
}

std::string_view Word(v1::PackageChange::Kind kind) {
  switch (kind) {
    case v1::PackageChange::KIND_NEW:
      return "new";
    case v1::PackageChange::KIND_GONE:
      return "gone";
    case v1::PackageChange::KIND_VERSION:
      return "version";
    case v1::PackageChange::KIND_NO_LONGER_WHEEL:
      return "no-longer-wheel";
    case v1::PackageChange::KIND_NOW_WHEEL:
      return "now-wheel";
    case v1::PackageChange::KIND_OUTCOME:
      return "outcome";
    case v1::PackageChange::KIND_SLOWER:
      return "slower";
    default:
      return "unknown";
  }
}

std::string_view Word(v1::Access role) {
  switch (role) {
    case v1::ACCESS_READ:
      return "read";
    case v1::ACCESS_SUBMIT:
      return "submit";
    case v1::ACCESS_OPERATE:
      return "operate";
    case v1::ACCESS_ADMIN:
      return "admin";
    default:
      return "worker";
  }
}

std::optional<v1::Access> ParseClientRole(std::string_view word) {
  for (const v1::Access role : {v1::ACCESS_READ, v1::ACCESS_SUBMIT, v1::ACCESS_OPERATE, v1::ACCESS_ADMIN}) {
    if (word == Word(role)) return role;
  }
  return std::nullopt;
}

bool IsFinished(v1::BuildStatus status) {
  return status == v1::BUILD_STATUS_SUCCEEDED || status == v1::BUILD_STATUS_FAILED ||
         status == v1::BUILD_STATUS_CANCELLED || status == v1::BUILD_STATUS_INFRASTRUCTURE_FAILED ||
         status == v1::BUILD_STATUS_TIMED_OUT;
}

bool IsBuilt(const v1::BuildView& build) {
  if (build.status() != v1::BUILD_STATUS_RUNNING || build.cells().empty()) return false;
  return std::all_of(build.cells().begin(), build.cells().end(), [](const v1::CellView& cell) {
    return cell.status() == v1::BUILD_STATUS_SUCCEEDED || IsBuilt(cell);
  });
}

bool IsBuilt(const v1::CellView& cell) {
  return cell.status() == v1::BUILD_STATUS_RUNNING && cell.seconds() > 0;
}

bool IsSameCell(const v1::CellView& a, const v1::CellView& b) {
  return a.target_stage() == b.target_stage() && SamePlatform(a.platform(), b.platform());
}

bool IsFinished(v1::StepStatus status) {
  return status != v1::STEP_STATUS_UNSPECIFIED && status != v1::STEP_STATUS_WAITING &&
         status != v1::STEP_STATUS_RUNNING;
}

std::string StagePhrase(std::string_view label) {
  const bool nameless =
      label.starts_with("stage-") && label.find_first_not_of("0123456789", 6) == std::string_view::npos;
  return std::string(nameless ? "" : "stage ").append(label);
}

std::string FormatRange(const v1::SourceRange& range) {
  const std::string file = range.file().empty() ? "Dockerfile" : range.file();
  if (range.last_line() > range.first_line()) {
    return fmt::format("{}:{}-{}", file, range.first_line(), range.last_line());
  }
  return fmt::format("{}:{}", file, range.first_line());
}

std::string FormatCombination(const v1::MatrixPlace& place) {
  std::string text;
  for (const v1::BuildArgument& argument : place.combination())
    text += fmt::format("{}{}={}", text.empty() ? "" : ", ", argument.name(), argument.value());
  return text;
}

}  // namespace crossmill
