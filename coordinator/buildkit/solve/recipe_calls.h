// Questions about a recipe that clients ask in place of a build (--call): its checks, its outline, its
// targets. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/check/check.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::coordinator::buildkit {

// Of a result: "result.json", "result.txt", "version" and, of checks, "result.statuscode".
using CallAnswer = std::map<std::string, std::string>;

// `request`: "frontend.lint", "frontend.outline", "frontend.targets", "frontend.subrequests.describe".
// UNIMPLEMENTED in the words that clients know for others; errors of the recipe as planning has them.
absl::StatusOr<CallAnswer> AnswerCall(const std::string& request, const check::CheckInput& input);

// The findings of the checks that Docker's builder has, too, and what keeps the recipe from being built: what
// its clients are told. The farm's own checks are `crossmill check`'s.
std::vector<check::Finding> FindingsForClients(const check::CheckInput& input);

// Where a rule is explained that Docker's builder has too; empty: it is the farm's own (docs/checks.md).
std::string RuleUrl(const std::string& rule);

}  // namespace crossmill::coordinator::buildkit
