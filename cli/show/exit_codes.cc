#include "cli/show/exit_codes.h"

#include <algorithm>
#include <array>

#include "absl/strings/cord.h"
#include "common/base/status.h"
#include "common/words/words.h"

namespace crossmill::cli {
namespace {

constexpr char kHintUrl[] = "crossmill/hint";
constexpr char kExitUrl[] = "crossmill/exit";

constexpr std::array kMeanings = {
    ExitCodeMeaning{kExitOk, "ok"},
    ExitCodeMeaning{
        kExitBuildFailed,
        "the build failed, by the recipe's fault: a step, the Dockerfile, a base image that does not "
        "exist; of check: a finding is as grave as --fail-on says; of predict: a package has no file that "
        "fits, or "
        "with --against something came otherwise than it was predicted for certain; of verify-attestation: a "
        "file "
        "is no statement, or its signature is wrong"},
    ExitCodeMeaning{
        kExitUsage,
        "usage: an unknown flag or value, a build or image that does not exist, a name that is taken; of "
        "verify: a build that has no image"},
    ExitCodeMeaning{
        kExitNotReproducible,
        "--require reproducible: a verdict is unreproducible, flaky, input-drift or failed; of "
        "verify-attestation: so says a statement, or they disagree or are about another image; of "
        "verify: what is built again is not what was recorded, or its executions disagree"},
    ExitCodeMeaning{kExitNotPermitted,
                    "not permitted: no token, a wrong one, or one whose role is not enough"},
    ExitCodeMeaning{kExitInfrastructure,
                    "infrastructure: the farm's fault, or it cannot be reached; of doctor: a check failed"},
    ExitCodeMeaning{
        kExitInconclusive,
        "--require reproducible: there is no verdict; of verify-attestation: nothing is wrong, but a key or "
        "a verdict is missing; of verify: nothing differs, but something decisive could not be compared, or "
        "too "
        "few hosts executed it"},
    ExitCodeMeaning{kExitDamaged,
                    "of admin check: something is damaged, and was not mended; of admin audit verify: the "
                    "log was changed"},
    ExitCodeMeaning{kExitTooFewHosts,
                    "--min-hosts: nothing differs, but a verdict rests on executions on fewer hosts"},
    ExitCodeMeaning{kExitTimeOut, "--timeout is over: the build is cancelled as timed out"},
    ExitCodeMeaning{kExitCancelled, "cancelled: by Ctrl-C or by somebody else"},
};

std::string Payload(const absl::Status& status, const char* url) {
  const auto payload = status.GetPayload(url);
  return payload ? std::string(*payload) : "";
}

}  // namespace

absl::Span<const ExitCodeMeaning> ExitCodeMeanings() { return kMeanings; }

std::string ExitCodeHelp() {
  std::string text = "Exit codes:\n";
  for (const ExitCodeMeaning& row : kMeanings)
    text += fmt::format("  {:<5}{}\n", static_cast<int>(row.code), row.meaning);
  text.pop_back();
  return text;
}

int ExitCodeOf(const absl::Status& status) {
  if (const std::string code = Payload(status, kExitUrl); !code.empty()) return std::stoi(code);
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kExitOk;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
      return kExitUsage;
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
      return kExitNotPermitted;
    case absl::StatusCode::kDeadlineExceeded:
      return kExitTimeOut;
    case absl::StatusCode::kCancelled:
      return kExitCancelled;
    default:
      return kExitInfrastructure;
  }
}

int ExitCodeOf(const v1::BuildView& build, const Requirement& requirement) {
  // What nobody waits for is still being packed.
  if (IsBuilt(build)) return requirement.reproducible ? kExitInconclusive : kExitOk;
  switch (build.status()) {
    case v1::BUILD_STATUS_SUCCEEDED:
      break;
    case v1::BUILD_STATUS_FAILED:
      return kExitBuildFailed;
    case v1::BUILD_STATUS_CANCELLED:
      return kExitCancelled;
    case v1::BUILD_STATUS_TIMED_OUT:
      return kExitTimeOut;
    default:
      return kExitInfrastructure;
  }
  if (!requirement.reproducible) return kExitOk;
  const auto few_hosts = [&] {
    return std::any_of(build.cells().begin(), build.cells().end(), [&](const v1::CellView& cell) {
      return RestsOnFewerHosts(cell, requirement.min_hosts);
    });
  };
  switch (OverallVerdict(build)) {
    case v1::VERDICT_REPRODUCIBLE:
      return few_hosts() ? kExitTooFewHosts : kExitOk;
    case v1::VERDICT_UNREPRODUCIBLE:
    case v1::VERDICT_FLAKY:
    case v1::VERDICT_INPUT_DRIFT:
    case v1::VERDICT_FAILED:
      return kExitNotReproducible;
    case v1::VERDICT_INCONCLUSIVE:
      return few_hosts() ? kExitTooFewHosts : kExitInconclusive;
    default:
      return kExitInconclusive;
  }
}

int ExitCodeOf(const v1::BuildView& build, bool require_reproducible) {
  return ExitCodeOf(build, Requirement{require_reproducible, 0});
}

ExitCode GravestExit(absl::Span<const int> codes) {
  for (const ExitCode code : {kExitBuildFailed, kExitInfrastructure, kExitTimeOut, kExitCancelled,
                              kExitNotReproducible, kExitTooFewHosts, kExitInconclusive}) {
    if (std::find(codes.begin(), codes.end(), code) != codes.end()) return code;
  }
  return kExitOk;
}

std::string RequirementText(v1::Verdict verdict, int code, const Requirement& requirement) {
  return fmt::format("crossmill: {}\n", UnmetText(verdict, code == kExitTooFewHosts, requirement));
}

absl::Status WithHint(absl::Status status, const std::string& hint) {
  status.SetPayload(kHintUrl, absl::Cord(hint));
  return status;
}

absl::Status WithExit(absl::Status status, ExitCode code) {
  status.SetPayload(kExitUrl, absl::Cord(std::to_string(static_cast<int>(code))));
  return status;
}

std::string HintOf(const absl::Status& status) { return Payload(status, kHintUrl); }

std::string CodeWord(absl::StatusCode code) {
  std::string word = absl::StatusCodeToString(code);
  std::transform(word.begin(), word.end(), word.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  return word;
}

}  // namespace crossmill::cli
