// One thing that `crossmill doctor` looked at: what was found, and what to do. Pure.
#pragma once

#include <string>
#include <vector>

#include "cli/show/text.h"
#include "common/base/json.h"

namespace crossmill::cli {

enum class CheckLevel { kOk, kWarn, kFail };

struct Check {
  CheckLevel level = CheckLevel::kOk;
  // What was looked at.
  std::string name;
  // The fact that was found.
  std::string detail;
  // The remedy; empty when ok.
  std::string fix;
};

std::string RenderChecks(const std::vector<Check>& checks, const TextOptions& options);
// A list of objects with level ("ok", "warn", "fail"), name, detail and fix (null where there is none).
Json ChecksJson(const std::vector<Check>& checks);
bool AnyFailed(const std::vector<Check>& checks);

}  // namespace crossmill::cli
