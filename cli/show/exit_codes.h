// Exit codes: what scripts rely on. Their meanings stand here; --help prints them, and the tables in
// README.md and docs/cli.md have to say the same (tests/cli/show/exit_codes_test.cc). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "common/words/overall.h"      // IWYU pragma: export
#include "common/words/requirement.h"  // IWYU pragma: export
#include "crossmill/v1/build.pb.h"

namespace crossmill::cli {

enum ExitCode : int {
  kExitOk = 0,
  kExitBuildFailed = 1,
  kExitUsage = 2,
  kExitNotReproducible = 3,
  kExitNotPermitted = 4,
  kExitInfrastructure = 5,
  kExitInconclusive = 6,
  kExitDamaged = 7,
  kExitTooFewHosts = 8,
  kExitTimeOut = 124,
  kExitCancelled = 130,
};

struct ExitCodeMeaning {
  ExitCode code;
  std::string_view meaning;
};

// All of them, by number.
absl::Span<const ExitCodeMeaning> ExitCodeMeanings();
// One line each, for the end of --help.
std::string ExitCodeHelp();

// The code of an error, unless WithExit gave it one: INVALID_ARGUMENT, NOT_FOUND and ALREADY_EXISTS
// are usage, UNAUTHENTICATED and PERMISSION_DENIED not permitted, DEADLINE_EXCEEDED a time-out,
// CANCELLED cancelled, the rest infrastructure.
int ExitCodeOf(const absl::Status& status);

// The code of a finished build. Failed comes before not reproducible, and that before too few hosts.
int ExitCodeOf(const v1::BuildView& build, const Requirement& requirement);
int ExitCodeOf(const v1::BuildView& build, bool require_reproducible);
// Of several builds with these codes, of which there is one at least: the gravest.
ExitCode GravestExit(absl::Span<const int> codes);

// What a requirement that is not met is told by, with the code that it gives: a line.
std::string RequirementText(v1::Verdict verdict, int code, const Requirement& requirement);

// Attach to an error what a person can do about it, and the exit code it ends the program with.
absl::Status WithHint(absl::Status status, const std::string& hint);
absl::Status WithExit(absl::Status status, ExitCode code);
// Empty when there is none.
std::string HintOf(const absl::Status& status);

// "INVALID_ARGUMENT" -> "invalid_argument", as JSON errors say it.
std::string CodeWord(absl::StatusCode code);

}  // namespace crossmill::cli
