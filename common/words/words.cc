#include "common/words/words.h"

#include <fmt/format.h>

namespace crossmill {

std::string_view Word(v1::BuildStatus status) {
  switch (status) {
    case v1::PLANNING:
      return "planning";
    case v1::QUEUED:
      return "queued";
    case v1::RUNNING:
      return "running";
    case v1::SUCCEEDED:
      return "succeeded";
    case v1::FAILED:
      return "failed";
    case v1::CANCELLED:
      return "cancelled";
    case v1::INFRASTRUCTURE_FAILED:
      return "infrastructure-failed";
    case v1::TIMED_OUT:
      return "timed-out";
    default:
      return "unknown";
  }
}

std::string_view Word(v1::StepStatus status) {
  switch (status) {
    case v1::STEP_WAITING:
      return "waiting";
    case v1::STEP_RUNNING:
      return "running";
    case v1::STEP_EXECUTED:
      return "executed";
    case v1::STEP_CACHED:
      return "cached";
    case v1::STEP_FAILED:
      return "failed";
    case v1::STEP_CANCELLED:
      return "cancelled";
    case v1::STEP_METADATA:
      return "metadata";
    case v1::STEP_SHARED:
      return "shared";
    default:
      return "unknown";
  }
}

std::string_view Word(v1::Verdict verdict) {
  switch (verdict) {
    case v1::REPRODUCIBLE:
      return "reproducible";
    case v1::UNREPRODUCIBLE:
      return "unreproducible";
    case v1::UNVERIFIED:
      return "unverified";
    case v1::INPUT_DRIFT:
      return "input-drift";
    case v1::FLAKY:
      return "flaky";
    case v1::VERDICT_FAILED:
      return "failed";
    case v1::INCONCLUSIVE:
      return "inconclusive";
    default:
      return "unknown";
  }
}

std::string_view Word(v1::Outcome outcome) {
  switch (outcome) {
    case v1::WHEEL:
      return "wheel";
    case v1::SOURCE:
      return "source";
    case v1::SOURCE_CACHED:
      return "source-cached";
    case v1::VCS:
      return "vcs";
    case v1::LOCAL:
      return "local";
    case v1::EDITABLE:
      return "editable";
    case v1::DISTRO:
      return "distro";
    case v1::OUTCOME_FAILED:
      return "failed";
    case v1::BYPASSED:
      return "bypassed";
    default:
      return "unknown";
  }
}

std::string_view Word(v1::PathDifference::Kind kind) {
  switch (kind) {
    case v1::PathDifference::ONLY_FIRST:
      return "only-first";
    case v1::PathDifference::ONLY_SECOND:
      return "only-second";
    case v1::PathDifference::CONTENT:
      return "content";
    case v1::PathDifference::METADATA:
      return "metadata";
    case v1::PathDifference::TIME:
      return "time";
    default:
      return "unknown";
  }
}

std::string_view Word(v1::NetworkMode mode) {
  switch (mode) {
    case v1::NETWORK_MODE_NONE:
      return "none";
    case v1::NETWORK_MODE_HOST:
      return "host";
    default:
      return "";
  }
}

bool IsFinished(v1::BuildStatus status) {
  return status == v1::SUCCEEDED || status == v1::FAILED || status == v1::CANCELLED ||
         status == v1::INFRASTRUCTURE_FAILED || status == v1::TIMED_OUT;
}

bool IsFinished(v1::StepStatus status) {
  return status != v1::STEP_STATUS_UNSPECIFIED && status != v1::STEP_WAITING && status != v1::STEP_RUNNING;
}

std::string FormatRange(const v1::SourceRange& range) {
  const std::string file = range.file().empty() ? "Dockerfile" : range.file();
  if (range.last_line() > range.first_line()) {
    return fmt::format("{}:{}-{}", file, range.first_line(), range.last_line());
  }
  return fmt::format("{}:{}", file, range.first_line());
}

}  // namespace crossmill
