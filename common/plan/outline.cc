#include "common/plan/outline.h"

#include <algorithm>
#include <array>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/plan/image_reference.h"
#include "common/plan/platform.h"

namespace crossmill::plan {
namespace {

constexpr std::array<std::string_view, 5> kPlatformParts = {"PLATFORM", "OS", "OSVERSION", "ARCH", "VARIANT"};

void AddPlatformArguments(std::string_view prefix, const v1::Platform& platform, Variables& variables) {
  const std::array<std::string, 5> values = {FormatPlatform(platform), platform.os(), "",
                                             platform.architecture(), platform.variant()};
  for (size_t i = 0; i < values.size(); ++i)
    variables[fmt::format("{}{}", prefix, kPlatformParts[i])] = values[i];
}

absl::StatusOr<Variables> GlobalVariables(const Outline& outline, const v1::Recipe& recipe,
                                          const v1::Platform& target, const v1::Platform& build_platform) {
  Variables globals;
  AddPlatformArguments("BUILD", build_platform, globals);
  AddPlatformArguments("TARGET", target, globals);
  globals["TARGETSTAGE"] = recipe.target().empty() ? "default" : recipe.target();
  std::map<std::string, std::string, std::less<>> given;
  for (const v1::BuildArgument& argument : recipe.build_arguments())
    given[argument.name()] = argument.value();
  for (auto& [name, value] : globals) {
    if (const auto found = given.find(name); found != given.end()) value = found->second;
  }
  const ExpansionOptions expansion{outline.document.escape, false};
  for (const Instruction* instruction : outline.global_args) {
    for (const Pair& pair : instruction->pairs) {
      if (const auto found = given.find(pair.name); found != given.end()) {
        globals[pair.name] = found->second;
      } else if (pair.has_value) {
        absl::StatusOr<std::string> value = Expand(pair.value, globals, expansion);
        if (!value.ok()) {
          return RecipeError(instruction->PlaceOf(outline.document.file, pair.offset),
                             Sv(value.status().message()));
        }
        globals[pair.name] = *std::move(value);
      }
    }
  }
  return globals;
}

// Variables are named in the message because an empty one is the usual cause.
absl::StatusOr<std::string> ExpandFrom(const Outline& outline, const Variables& globals,
                                       std::string_view text, const Place& place) {
  absl::StatusOr<std::string> value = Expand(text, globals, {outline.document.escape, false});
  if (!value.ok()) return RecipeError(place, Sv(value.status().message()));
  if (value->empty()) {
    return RecipeError(place,
                       fmt::format("'{}' is empty after expansion; expected a value (only ARGs before the "
                                   "first FROM and automatic platform arguments count here)",
                                   text));
  }
  return value;
}

absl::StatusOr<StageBase> ReadBase(const Outline& outline, const PlatformView& view, const Stage& stage,
                                   const v1::Platform& target) {
  const Instruction& from = *stage.from;
  const std::string& file = outline.document.file;
  StageBase base;
  base.platform = target;
  base.text = "FROM";
  const Word& word = from.words[0];
  const Place place = from.PlaceOf(file, word.offset);
  if (const Flag* flag = from.FindFlag("platform"); flag != nullptr) {
    const Place flag_place = from.PlaceOf(file, flag->offset);
    ASSIGN_OR_RETURN(const std::string text, ExpandFrom(outline, view.globals, flag->value, flag_place));
    absl::StatusOr<v1::Platform> platform = ParsePlatform(text);
    if (!platform.ok()) return RecipeError(flag_place, Sv(platform.status().message()));
    base.platform = *platform;
    base.text += " --platform=" + text;
  }
  ASSIGN_OR_RETURN(base.reference, ExpandFrom(outline, view.globals, word.text, place));
  base.text += " " + base.reference;
  if (!stage.name.empty()) base.text += " AS " + stage.name;
  if (const std::optional<size_t> earlier = outline.FindStage(base.reference, stage.index)) {
    base.kind = StageBase::kStage;
    base.stage = *earlier;
    base.platform = view.bases[*earlier].platform;
    return base;
  }
  if (base.reference == "scratch") return base;
  base.kind = StageBase::kImage;
  if (!IsImageReference(base.reference)) {
    return RecipeError(
        place, fmt::format("'{}' is neither an earlier stage nor an image reference{}", base.reference,
                           ReferenceHint(base.reference, outline.StageNames(stage.index))));
  }
  return base;
}

}  // namespace

std::optional<size_t> Outline::FindStage(std::string_view name, size_t before) const {
  const auto found = stages_by_name.find(absl::AsciiStrToLower(Av(name)));
  if (found == stages_by_name.end()) return std::nullopt;
  const auto behind = std::lower_bound(found->second.begin(), found->second.end(), before);
  if (behind == found->second.begin()) return std::nullopt;
  return *std::prev(behind);
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
    return RecipeError({file, outline.document.instructions.back().last_line, 0},
                       "no stage; expected FROM IMAGE");
  }
  for (const Stage& stage : outline.stages) {
    for (const Instruction* instruction : stage.body) {
      RETURN_IF_ERROR(FindOrigin(outline, stage.index, *instruction).status());
    }
  }
  return outline;
}

absl::StatusOr<size_t> FindTarget(const Outline& outline, std::string_view target) {
  if (target.empty()) return outline.stages.size() - 1;
  if (const std::optional<size_t> stage = outline.FindStage(target, outline.stages.size())) return *stage;
  size_t index = 0;
  if (absl::SimpleAtoi(Av(target), &index) && index < outline.stages.size()) return index;
  std::vector<std::string> labels;
  for (const Stage& stage : outline.stages) labels.push_back(stage.Label());
  std::string hint = DidYouMean(target, outline.StageNames(outline.stages.size()));
  return absl::InvalidArgumentError(fmt::format("{}: target stage '{}' not found{}; expected one of: {}",
                                                outline.document.file, target, hint,
                                                absl::StrJoin(labels, ", ")));
}

absl::StatusOr<CopyOrigin> FindOrigin(const Outline& outline, size_t current,
                                      const Instruction& instruction) {
  CopyOrigin origin;
  if (instruction.keyword() != Keyword::kCopy) return origin;
  const Flag* from = instruction.FindFlag("from");
  if (from == nullptr) return origin;
  const auto error = [&](std::string_view message) {
    return RecipeError(instruction.PlaceOf(outline.document.file, from->offset), message);
  };
  if (from->value.find('$') != std::string::npos) {
    return error(
        "variables are not expanded in --from; expected a stage or an image (define a stage with FROM and an "
        "ARG before the first FROM instead)");
  }
  origin.reference = from->value;
  size_t index = 0;
  if (absl::SimpleAtoi(from->value, &index)) {
    if (index >= current) {
      return error(current == 0
                       ? fmt::format("there is no stage {} before the first stage; expected an image", index)
                       : fmt::format("stage {} is not before this stage; expected a number from 0 to {}",
                                     index, current - 1));
    }
    origin.kind = CopyOrigin::kStage;
    origin.stage = index;
    return origin;
  }
  if (const std::optional<size_t> stage = outline.FindStage(from->value, current)) {
    origin.kind = CopyOrigin::kStage;
    origin.stage = *stage;
    return origin;
  }
  if (const std::optional<size_t> later = outline.FindStage(from->value, outline.stages.size())) {
    return error(
        *later == current
            ? fmt::format("stage '{}' copies from itself; expected an earlier stage", from->value)
            : fmt::format("stage '{}' is defined in line {}, behind this stage; expected an earlier stage",
                          from->value, outline.stages[*later].from->first_line));
  }
  if (!IsImageReference(from->value)) {
    return error(fmt::format("'{}' is neither an earlier stage nor an image reference{}", from->value,
                             ReferenceHint(from->value, outline.StageNames(current))));
  }
  origin.kind = CopyOrigin::kImage;
  return origin;
}

absl::StatusOr<PlatformView> ViewFor(const Outline& outline, const v1::Recipe& recipe,
                                     const v1::Platform& target, const v1::Platform& build_platform) {
  PlatformView view;
  view.target = target;
  ASSIGN_OR_RETURN(view.globals, GlobalVariables(outline, recipe, target, build_platform));
  view.bases.reserve(outline.stages.size());
  for (const Stage& stage : outline.stages) {
    ASSIGN_OR_RETURN(StageBase base, ReadBase(outline, view, stage, target));
    view.bases.push_back(std::move(base));
  }
  return view;
}

absl::StatusOr<std::vector<bool>> ReachableStages(const Outline& outline, const PlatformView& view,
                                                  size_t target) {
  std::vector<bool> reachable(outline.stages.size());
  std::vector<size_t> open{target};
  const auto visit = [&](size_t index) {
    if (!reachable[index]) open.push_back(index);
  };
  while (!open.empty()) {
    const size_t index = open.back();
    open.pop_back();
    if (reachable[index]) continue;
    reachable[index] = true;
    const Stage& stage = outline.stages[index];
    for (const Instruction* instruction : stage.body) {
      RETURN_IF_ERROR(CheckSupported(outline, *instruction));
      ASSIGN_OR_RETURN(const CopyOrigin origin, FindOrigin(outline, index, *instruction));
      if (origin.kind == CopyOrigin::kStage) visit(origin.stage);
    }
    if (view.bases[index].kind != StageBase::kStage) continue;
    visit(view.bases[index].stage);
    for (const Instruction* instruction : outline.stages[view.bases[index].stage].body) {
      if (instruction->keyword() != Keyword::kOnbuild) continue;
      ASSIGN_OR_RETURN(const Instruction trigger, ParseTrigger(stage.from->PlaceOf(outline.document.file, 0),
                                                               instruction->words[0].text));
      ASSIGN_OR_RETURN(const CopyOrigin origin, FindOrigin(outline, index, trigger));
      if (origin.kind == CopyOrigin::kStage) visit(origin.stage);
    }
  }
  return reachable;
}

absl::Status CheckSupported(const Outline& outline, const Instruction& instruction) {
  for (const Flag& flag : instruction.flags) {
    if (flag.syntax->supported) continue;
    return RecipeError(
        instruction.PlaceOf(outline.document.file, flag.offset),
        fmt::format("{} --{} is not supported yet", instruction.syntax->name, flag.syntax->name));
  }
  return absl::OkStatus();
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

}  // namespace crossmill::plan
