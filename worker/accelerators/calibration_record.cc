#include "worker/accelerators/calibration_record.h"

#include "common/base/json.h"
#include "common/base/status.h"

namespace crossmill::worker {
namespace {

constexpr int kRecordFormat = 1;

int64_t CountIn(const Json& object, const std::string& name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  if (!object.is_object() || found == object.end() || !found->is_number_unsigned()) return -1;
  return found->get<int64_t>();
}

ToolVerdict JudgeTool(const AcceleratedTool& tool, const Json& results) {
  ToolVerdict verdict{tool.name, false, {}};
  const auto result = results.find(tool.name);
  if (result == results.end()) {
    verdict.reason = "its calibration is not on record";
    return verdict;
  }
  const int64_t units = CountIn(*result, "units");
  const int64_t equal = CountIn(*result, "equal");
  if (units < kLeastToolUnits) {
    verdict.reason = fmt::format("calibrated with {} units, at least {} are needed", units, kLeastToolUnits);
  } else if (equal != units) {
    verdict.reason = fmt::format("{} of {} units differed from the emulated tool's", units - equal, units);
  } else {
    verdict.usable = true;
  }
  return verdict;
}

}  // namespace

std::vector<ToolVerdict> RefuseTools(const AcceleratorSet& set, std::string_view reason) {
  std::vector<ToolVerdict> verdicts;
  for (const AcceleratedTool& tool : set.tools) verdicts.push_back({tool.name, false, std::string(reason)});
  return verdicts;
}

absl::StatusOr<std::vector<ToolVerdict>> JudgeTools(const AcceleratorSet& set, const Digest& emulator,
                                                    std::string_view record) {
  ASSIGN_OR_RETURN(const Json json, ParseJson(record));
  if (!json.is_object() || json.value("format", 0) != kRecordFormat || !json.contains("tools") ||
      !json["tools"].is_object()) {
    return absl::InvalidArgumentError(
        fmt::format("no calibration record of format {}: make it again with scripts/calibrate-accelerators",
                    kRecordFormat));
  }
  if (TextMember(json, "set") != set.digest.Oci())
    return RefuseTools(set, "its calibration is of another set: calibrate again");
  if (TextMember(json, "emulator") != emulator.Oci())
    return RefuseTools(set, "its calibration is against another emulator: calibrate again");
  if (const int64_t units = CountIn(json, "units"); units < kLeastCorpusUnits) {
    return RefuseTools(set, fmt::format("its calibration is with {} units, at least {} are needed", units,
                                        kLeastCorpusUnits));
  }
  std::vector<ToolVerdict> verdicts;
  for (const AcceleratedTool& tool : set.tools) verdicts.push_back(JudgeTool(tool, json["tools"]));
  return verdicts;
}

}  // namespace crossmill::worker
