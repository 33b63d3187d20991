#include "common/dockerfile/outline.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"

namespace crossmill::dockerfile {
namespace {

constexpr std::array<std::string_view, 5> kPlatformParts = {"PLATFORM", "OS", "OSVERSION", "ARCH", "VARIANT"};

}  // namespace

std::optional<size_t> Outline::FindStage(std::string_view name, size_t before) const {
  const auto found = stages_by_name.find(absl::AsciiStrToLower(Av(name)));
  if (found == stages_by_name.end()) return std::nullopt;
  const auto behind = std::lower_bound(found->second.begin(), found->second.end(), before);
  if (behind == found->second.begin()) return std::nullopt;
  return *std::prev(behind);
}

std::optional<size_t> Outline::FindStageByAnyName(std::string_view name) const {
  if (const std::optional<size_t> stage = FindStage(name, stages.size())) return stage;
  const std::string lower = absl::AsciiStrToLower(Av(name));
  for (const Stage& stage : stages) {
    if (std::to_string(stage.index) == name || stage.Label() == lower) return stage.index;
  }
  return std::nullopt;
}

std::vector<std::string> Outline::StageNames(size_t before) const {
  std::vector<std::string> names;
  for (const Stage& stage : stages) {
    if (stage.index < before && !stage.name.empty() &&
        std::find(names.begin(), names.end(), stage.name) == names.end()) {
      names.push_back(stage.name);
    }
  }
  return names;
}

absl::StatusOr<Outline> ReadOutline(std::string_view file, std::string_view text) {
  Outline outline;
  ASSIGN_OR_RETURN(outline.document, ParseDockerfile(file, text));
  for (const Instruction& instruction : outline.document.instructions) {
    if (instruction.keyword() == Keyword::kFrom) {
      Stage stage;
      stage.index = outline.stages.size();
      stage.from = &instruction;
      if (instruction.words.size() == 3) stage.name = absl::AsciiStrToLower(instruction.words[2].text);
      if (!stage.name.empty()) outline.stages_by_name[stage.name].push_back(stage.index);
      outline.stages.push_back(std::move(stage));
    } else if (!outline.stages.empty()) {
      outline.stages.back().body.push_back(&instruction);
    } else if (instruction.keyword() == Keyword::kArg) {
      outline.global_args.push_back(&instruction);
    } else {
      return RecipeError(
          instruction.PlaceOf(file, 0),
          fmt::format("{} before the first FROM; expected FROM or ARG", instruction.syntax->name));
    }
  }
  if (outline.stages.empty()) {
    return RecipeError({file, outline.document.instructions.back().last_line, 1},
                       "no stage; expected FROM IMAGE");
  }
  return outline;
}

absl::StatusOr<size_t> FindTarget(const Outline& outline, std::string_view target) {
  if (target.empty()) return outline.stages.size() - 1;
  if (const std::optional<size_t> stage = outline.FindStageByAnyName(target)) return *stage;
  return UnknownStage(outline, "target stage", target, "");
}

absl::Status UnknownStage(const Outline& outline, std::string_view what, std::string_view name,
                          std::string_view said_by) {
  std::vector<std::string> labels;
  for (const Stage& stage : outline.stages) labels.push_back(stage.Label());
  const std::string hint = DidYouMean(name, outline.StageNames(outline.stages.size()));
  return absl::InvalidArgumentError(fmt::format("{}: {} '{}'{} not found{}; expected one of: {}",
                                                outline.document.file, what, name, said_by, hint,
                                                absl::StrJoin(labels, ", ")));
}

bool IsProxyArgument(std::string_view name) {
  const std::string lower = absl::AsciiStrToLower(Av(name));
  const bool known = lower == "http_proxy" || lower == "https_proxy" || lower == "ftp_proxy" ||
                     lower == "no_proxy" || lower == "all_proxy";
  return known && (name == lower || name == absl::AsciiStrToUpper(Av(name)));
}

bool IsPlatformArgument(std::string_view name) {
  if (name == "TARGETSTAGE") return true;
  if (!name.starts_with("BUILD") && !name.starts_with("TARGET")) return false;
  const std::string_view part = name.substr(name.starts_with("BUILD") ? 5 : 6);
  return std::find(kPlatformParts.begin(), kPlatformParts.end(), part) != kPlatformParts.end();
}

v1::SourceRange RangeOf(const Outline& outline, const Instruction& instruction) {
  v1::SourceRange range;
  range.set_file(outline.document.file);
  range.set_first_line(instruction.first_line);
  range.set_last_line(instruction.last_line);
  range.set_column(instruction.pieces.empty() ? 0 : instruction.pieces[0].column);
  return range;
}

}  // namespace crossmill::dockerfile
