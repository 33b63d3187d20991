#include "cli/use/step_use.h"

#include <vector>

#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/words/step_bounds.h"

namespace crossmill::cli {
namespace {

std::string Size(uint64_t bytes) { return FormatStepBound(v1::STEP_BOUND_MEMORY, bytes); }

Json BoundJson(v1::StepBound bound, uint64_t value) {
  if (bound == v1::STEP_BOUND_CPU) return static_cast<double>(value) / 1000;
  return value;
}

}  // namespace

Json StepBoundsJson(const v1::StepBounds& bounds) {
  Json json;
  for (const v1::StepBound bound : AllStepBounds()) {
    const uint64_t value = ValueOf(bounds, bound);
    if (value > 0) json[std::string(StepBoundName(bound))] = BoundJson(bound, value);
  }
  return json;
}

Json StepUseJson(const v1::StepView& step) {
  if (!step.has_use()) return nullptr;
  const v1::StepUse& use = step.use();
  const auto number = [](bool known, auto value) { return known ? Json(value) : Json(nullptr); };
  return {{"group_peak_memory", number(use.has_group_peak_memory(), use.group_peak_memory())},
          {"user_seconds", number(use.has_user_seconds(), use.user_seconds())},
          {"system_seconds", number(use.has_system_seconds(), use.system_seconds())},
          {"bytes_read", number(use.has_bytes_read(), use.bytes_read())},
          {"bytes_written", number(use.has_bytes_written(), use.bytes_written())},
          {"bounds", StepBoundsJson(use.bounds())}};
}

Json BoundReachedJson(const v1::StepView& step) {
  if (!step.has_bound()) return nullptr;
  const v1::BoundReached& bound = step.bound();
  return {{"bound", StepBoundName(bound.bound())},
          {"limit", BoundJson(bound.bound(), bound.limit())},
          {"peak", bound.peak() == 0 ? Json(nullptr) : BoundJson(bound.bound(), bound.peak())},
          {"of_worker", bound.of_worker()},
          {"survived", bound.survived()}};
}

std::string StepUseText(const v1::StepUse& use) {
  std::vector<std::string> parts;
  if (use.has_group_peak_memory()) parts.push_back(Size(use.group_peak_memory()) + " of memory");
  if (use.has_user_seconds()) parts.push_back(fmt::format("{:.1f}s user", use.user_seconds()));
  if (use.has_system_seconds()) parts.push_back(fmt::format("{:.1f}s system", use.system_seconds()));
  if (use.has_bytes_read()) parts.push_back(Size(use.bytes_read()) + " read");
  if (use.has_bytes_written()) parts.push_back(Size(use.bytes_written()) + " written");
  return absl::StrJoin(parts, ", ");
}

Json EnforcementJson(const v1::WorkerInfo& info) {
  if (info.bounds().empty()) return nullptr;
  Json json = Json::array();
  for (const v1::BoundEnforcement& bound : info.bounds()) {
    json.push_back({{"bound", StepBoundName(bound.bound())},
                    {"means", bound.means().empty() ? Json(nullptr) : Json(bound.means())},
                    {"most", bound.most() == 0 ? Json(nullptr) : BoundJson(bound.bound(), bound.most())},
                    {"reason", bound.reason().empty() ? Json(nullptr) : Json(bound.reason())}});
  }
  return json;
}

std::string EnforcementText(const v1::WorkerInfo& info) {
  std::vector<std::string> lines;
  for (const v1::BoundEnforcement& bound : info.bounds()) {
    std::string line = fmt::format("{}: {}", StepBoundName(bound.bound()),
                                   bound.means().empty() ? "not enforced" : bound.means());
    if (bound.most() > 0) line += fmt::format(", {} at most", FormatStepBound(bound.bound(), bound.most()));
    if (!bound.reason().empty()) line += fmt::format(" ({})", bound.reason());
    lines.push_back(std::move(line));
  }
  return absl::StrJoin(lines, "\n");
}

}  // namespace crossmill::cli
