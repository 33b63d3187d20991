#include "worker/accelerators/calibration_record.h"

#include "common/base/json.h"
#include "common/base/status.h"

namespace crossmill::worker {
namespace {

constexpr int kRecordFormat = 2;

int64_t CountIn(const Json& object, const std::string& name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  if (!object.is_object() || found == object.end() || !found->is_number_unsigned()) return -1;
  return found->get<int64_t>();
}

// Why the result of one tool does not count; empty if it does.
std::string WhyNot(const Json& result, const std::string& identity, const Digest& emulator) {
  if (TextMember(result, "tool") != identity)
    return "its calibration is of another making of the tool: calibrate again";
  if (TextMember(result, "emulator") != emulator.Oci())
    return "its calibration is against another emulator: calibrate again";
  if (const int64_t units = CountIn(result, "corpus_units"); units < kLeastCorpusUnits) {
    return fmt::format("its calibration is with {} units, at least {} are needed", units, kLeastCorpusUnits);
  }
  const int64_t units = CountIn(result, "units");
  const int64_t equal = CountIn(result, "equal");
  if (units < kLeastToolUnits)
    return fmt::format("calibrated with {} units, at least {} are needed", units, kLeastToolUnits);
  if (equal != units)
    return fmt::format("{} of {} units differed from the emulated tool's", units - equal, units);
  return "";
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
  std::vector<ToolVerdict> verdicts;
  for (const AcceleratedTool& tool : set.tools) {
    ToolVerdict& verdict = verdicts.emplace_back(ToolVerdict{tool.name, false, {}});
    const auto result = json["tools"].find(tool.name);
    verdict.reason = result == json["tools"].end()
                         ? "its calibration is not on record"
                         : WhyNot(*result, "sha256:" + ToolIdentity(set, tool), emulator);
    verdict.usable = verdict.reason.empty();
  }
  return verdicts;
}

}  // namespace crossmill::worker
