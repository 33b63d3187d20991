#include "cli/doctor/check.h"

#include <algorithm>
#include <string_view>

#include "common/base/status.h"

namespace crossmill::cli {
namespace {

struct LevelLook {
  std::string_view word;
  Ink ink;
};

LevelLook LookOf(CheckLevel level) {
  switch (level) {
    case CheckLevel::kOk:
      return {"ok", Ink::kGreen};
    case CheckLevel::kWarn:
      return {"warn", Ink::kYellow};
    case CheckLevel::kFail:
      break;
  }
  return {"fail", Ink::kRed};
}

}  // namespace

std::string RenderChecks(const std::vector<Check>& checks, const TextOptions& options) {
  std::string result;
  for (const Check& check : checks) {
    const LevelLook look = LookOf(check.level);
    result += fmt::format("{}  {}: {}\n", Paint(fmt::format("{:<4}", look.word), look.ink, options.colour),
                          check.name, check.detail);
    if (!check.fix.empty()) result += fmt::format("      fix: {}\n", check.fix);
  }
  return result;
}

Json ChecksJson(const std::vector<Check>& checks) {
  Json list = Json::array();
  for (const Check& check : checks) {
    list.push_back({{"level", LookOf(check.level).word},
                    {"name", check.name},
                    {"detail", check.detail},
                    {"fix", check.fix.empty() ? Json() : Json(check.fix)}});
  }
  return list;
}

bool AnyFailed(const std::vector<Check>& checks) {
  return std::any_of(checks.begin(), checks.end(),
                     [](const Check& check) { return check.level == CheckLevel::kFail; });
}

}  // namespace crossmill::cli
