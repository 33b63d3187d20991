// Exit codes: what scripts rely on (README, "exit codes"). Pure.
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "crossmill/v1/build.pb.h"

namespace crossmill::cli {

enum ExitCode : int {
  kExitOk = 0,
  // The recipe's fault.
  kExitBuildFailed = 1,
  kExitUsage = 2,
  // --require reproducible: a verdict is unreproducible, flaky or input-drift.
  kExitNotReproducible = 3,
  kExitNotPermitted = 4,
  // The farm's fault, or it cannot be reached.
  kExitInfrastructure = 5,
  // --require reproducible: there is no verdict.
  kExitInconclusive = 6,
  kExitTimeOut = 124,
  kExitCancelled = 130,
};

// The code of an error, unless WithExit gave it one: INVALID_ARGUMENT, NOT_FOUND and ALREADY_EXISTS
// are usage, UNAUTHENTICATED and PERMISSION_DENIED not permitted, DEADLINE_EXCEEDED a time-out,
// CANCELLED cancelled, the rest infrastructure.
int ExitCodeOf(const absl::Status& status);

// The code of a finished build. Failed comes before not reproducible.
int ExitCodeOf(const v1::BuildView& build, bool require_reproducible);

// The gravest verdict over the cells; UNVERIFIED when there is none.
v1::Verdict OverallVerdict(const v1::BuildView& build);

// Attach to an error what a person can do about it, and the exit code it ends the program with.
absl::Status WithHint(absl::Status status, const std::string& hint);
absl::Status WithExit(absl::Status status, ExitCode code);
// Empty when there is none.
std::string HintOf(const absl::Status& status);

// "INVALID_ARGUMENT" -> "invalid_argument", as JSON errors say it.
std::string CodeWord(absl::StatusCode code);

}  // namespace crossmill::cli
