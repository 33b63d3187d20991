// What signed statements are worth, for people and as JSON. Pure.
#pragma once

#include <string>

#include "cli/show/exit_codes.h"
#include "cli/show/text.h"
#include "common/attest/weighing.h"
#include "common/base/json.h"

namespace crossmill::cli {

std::string RenderWeighed(const attest::Weighed& weighed, const TextOptions& options);
Json WeighedJson(const attest::Weighed& weighed);
ExitCode ExitCodeOf(attest::Weight weight);

}  // namespace crossmill::cli
