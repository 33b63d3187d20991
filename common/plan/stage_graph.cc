#include "common/plan/stage_graph.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "common/base/status.h"
#include "common/dockerfile/run_mount.h"
#include "common/plan/image_reference.h"
#include "common/words/platform.h"

namespace crossmill::plan {
namespace {

void AddPlatformArguments(std::string_view prefix, const v1::Platform& platform,
                          dockerfile::Variables& variables) {
  variables[fmt::format("{}PLATFORM", prefix)] = FormatPlatform(platform);
  variables[fmt::format("{}OS", prefix)] = platform.os();
  // Only Windows images have one.
  variables[fmt::format("{}OSVERSION", prefix)] = "";
  variables[fmt::format("{}ARCH", prefix)] = platform.architecture();
  variables[fmt::format("{}VARIANT", prefix)] = platform.variant();
}

// The target's name as given, else that of the last stage.
std::string TargetStage(const dockerfile::Outline& outline, std::string_view target_name) {
  if (!target_name.empty()) return std::string(target_name);
  const std::string& last = outline.stages.back().name;
  return last.empty() ? "default" : last;
}

absl::StatusOr<dockerfile::Variables> GlobalVariables(
    const dockerfile::Outline& outline, const dockerfile::Variables& given, std::string_view target_name,
    const v1::Platform& target, const v1::Platform& build_platform, pattern::Effort* effort) {
  dockerfile::Variables globals;
  AddPlatformArguments("BUILD", build_platform, globals);
  AddPlatformArguments("TARGET", target, globals);
  globals["TARGETSTAGE"] = TargetStage(outline, target_name);
  for (auto& [name, value] : globals) {
    if (const auto found = given.find(name); found != given.end()) value = found->second;
  }
  const dockerfile::ExpansionOptions expansion{.escape = outline.document.escape, .effort = effort};
  for (const dockerfile::Instruction* instruction : outline.global_args) {
    for (const dockerfile::Pair& pair : instruction->pairs) {
      if (const auto found = given.find(pair.name); found != given.end()) {
        globals[pair.name] = found->second;
      } else if (pair.has_value) {
        absl::StatusOr<std::string> value = dockerfile::Expand(pair.value, globals, expansion);
        if (!value.ok()) {
          return dockerfile::RecipeError(instruction->PlaceOf(outline.document.file, pair.offset),
                                         Sv(value.status().message()));
        }
        RETURN_IF_ERROR(Spend(effort, value->size(), pattern::Effort::kKeptByte));
        globals[pair.name] = *std::move(value);
      }
    }
  }
  return globals;
}

// Variables are named in the message because an empty one is the usual cause.
absl::StatusOr<std::string> ExpandFrom(const dockerfile::Outline& outline,
                                       const dockerfile::Variables& globals, std::string_view text,
                                       const dockerfile::Place& place, pattern::Effort* effort) {
  absl::StatusOr<std::string> value =
      dockerfile::Expand(text, globals, {.escape = outline.document.escape, .effort = effort});
  if (!value.ok()) return dockerfile::RecipeError(place, Sv(value.status().message()));
  if (value->empty()) {
    return dockerfile::RecipeError(
        place, fmt::format("'{}' is empty after expansion; expected a value (only ARGs before the "
                           "first FROM and automatic platform arguments count here)",
                           text));
  }
  return value;
}

std::vector<std::string> KnownNames(const dockerfile::Outline& outline, const NamedContexts& contexts,
                                    size_t before) {
  std::vector<std::string> names = outline.StageNames(before);
  for (std::string& name : contexts.Names()) names.push_back(std::move(name));
  return names;
}

// Puts what a named context stands for into the target. Target: StageBase or CopyOrigin.
template <typename Target>
absl::Status ApplyContext(const v1::NamedContext& context, const dockerfile::Place& place, Target& target) {
  switch (context.source_case()) {
    case v1::NamedContext::kImage:
      if (context.image() == "scratch") {
        target.kind = Target::kScratch;
        return absl::OkStatus();
      }
      if (!IsImageReference(context.image())) {
        return dockerfile::RecipeError(
            place, fmt::format("build context '{}' is '{}', which is not an image reference; "
                               "expected [REGISTRY/]NAME[:TAG][@DIGEST] in lower case",
                               context.name(), context.image()));
      }
      target.kind = Target::kImage;
      target.image = {context.image(), {}};
      return absl::OkStatus();
    case v1::NamedContext::kImageRoot:
      target.kind = Target::kImage;
      target.image = {context.name(), FromProto(context.image_root())};
      return absl::OkStatus();
    case v1::NamedContext::kTree:
    case v1::NamedContext::SOURCE_NOT_SET:
      target.kind = Target::kTree;
      target.tree = &context;
      return absl::OkStatus();
  }
  return absl::OkStatus();
}

absl::StatusOr<StageBase> ReadBase(const dockerfile::Outline& outline, const PlatformView& view,
                                   const dockerfile::Stage& stage, pattern::Effort* effort) {
  const dockerfile::Instruction& from = *stage.from;
  const std::string& file = outline.document.file;
  StageBase base;
  base.platform = view.target;
  base.text = "FROM";
  const dockerfile::Word& word = from.words[0];
  const dockerfile::Place place = from.PlaceOf(file, word.offset);
  if (const dockerfile::Flag* flag = from.FindFlag("platform"); flag != nullptr) {
    const dockerfile::Place flag_place = from.PlaceOf(file, flag->offset);
    ASSIGN_OR_RETURN(const std::string text,
                     ExpandFrom(outline, view.globals, flag->value, flag_place, effort));
    absl::StatusOr<v1::Platform> platform = ParsePlatform(text);
    if (!platform.ok()) return dockerfile::RecipeError(flag_place, Sv(platform.status().message()));
    base.platform = *platform;
    base.text += " --platform=" + text;
  }
  ASSIGN_OR_RETURN(const std::string reference, ExpandFrom(outline, view.globals, word.text, place, effort));
  base.text += " " + reference;
  if (!stage.name.empty()) base.text += " AS " + stage.name;
  if (const v1::NamedContext* context = view.contexts->Find(stage.name, base.platform);
      context != nullptr && !stage.name.empty()) {
    base.replaced = true;
    RETURN_IF_ERROR(ApplyContext(*context, place, base));
    return base;
  }
  if (const std::optional<size_t> earlier = outline.FindStage(reference, stage.index)) {
    base.kind = StageBase::kStage;
    base.stage = *earlier;
    base.platform = view.bases[*earlier].platform;
    return base;
  }
  if (reference == "scratch") return base;
  if (const v1::NamedContext* context = view.contexts->Find(reference, base.platform)) {
    RETURN_IF_ERROR(ApplyContext(*context, place, base));
    return base;
  }
  base.kind = StageBase::kImage;
  base.image.reference = reference;
  if (!IsImageReference(reference)) {
    return dockerfile::RecipeError(
        place, fmt::format("'{}' is neither an earlier stage nor an image reference{}", reference,
                           ReferenceHint(reference, KnownNames(outline, *view.contexts, stage.index))));
  }
  return base;
}

// The meaning of a name in an instruction of stage `current`.
absl::StatusOr<CopyOrigin> FindOrigin(const dockerfile::Outline& outline, const NamedContexts& contexts,
                                      const v1::Platform& target, size_t current,
                                      const dockerfile::Instruction& instruction, const std::string& name,
                                      size_t offset) {
  CopyOrigin origin;
  origin.offset = offset;
  const dockerfile::Place place = instruction.PlaceOf(outline.document.file, offset);
  size_t index = 0;
  if (absl::SimpleAtoi(name, &index)) {
    if (index >= current) {
      return dockerfile::RecipeError(
          place, current == 0
                     ? fmt::format("there is no stage {} before the first stage; expected an image", index)
                     : fmt::format("stage {} is not before this stage; expected a number from 0 to {}", index,
                                   current - 1));
    }
    origin.kind = CopyOrigin::kStage;
    origin.stage = index;
    return origin;
  }
  if (const v1::NamedContext* context = contexts.Find(name, target)) {
    RETURN_IF_ERROR(ApplyContext(*context, place, origin));
    return origin;
  }
  if (const std::optional<size_t> stage = outline.FindStage(name, current)) {
    origin.kind = CopyOrigin::kStage;
    origin.stage = *stage;
    return origin;
  }
  if (const std::optional<size_t> later = outline.FindStage(name, outline.stages.size())) {
    return dockerfile::RecipeError(
        place,
        *later == current
            ? fmt::format("stage '{}' copies from itself; expected an earlier stage", name)
            : fmt::format("stage '{}' is defined in line {}, behind this stage; expected an earlier stage",
                          name, outline.stages[*later].from->first_line));
  }
  if (name == "scratch") {
    origin.kind = CopyOrigin::kScratch;
    return origin;
  }
  if (!IsImageReference(name)) {
    return dockerfile::RecipeError(
        place, fmt::format("'{}' is neither an earlier stage nor an image reference{}", name,
                           ReferenceHint(name, KnownNames(outline, contexts, current))));
  }
  origin.kind = CopyOrigin::kImage;
  origin.image.reference = name;
  return origin;
}

}  // namespace

dockerfile::Variables GivenArguments(const v1::Recipe& recipe, std::optional<int64_t> source_date_epoch) {
  dockerfile::Variables given;
  for (const v1::BuildArgument& argument : recipe.build_arguments())
    given[argument.name()] = argument.value();
  if (source_date_epoch) given["SOURCE_DATE_EPOCH"] = std::to_string(*source_date_epoch);
  return given;
}

absl::StatusOr<PlatformView> ViewFor(const dockerfile::Outline& outline, const NamedContexts& contexts,
                                     const dockerfile::Variables& given, std::string_view target_name,
                                     const v1::Platform& target, const v1::Platform& build_platform,
                                     pattern::Effort* effort) {
  PlatformView view;
  view.target = target;
  view.contexts = &contexts;
  ASSIGN_OR_RETURN(view.globals,
                   GlobalVariables(outline, given, target_name, target, build_platform, effort));
  view.bases.reserve(outline.stages.size());
  view.triggers.resize(outline.stages.size());
  for (const dockerfile::Stage& stage : outline.stages) {
    ASSIGN_OR_RETURN(StageBase base, ReadBase(outline, view, stage, effort));
    RETURN_IF_ERROR(Spend(effort, base.text.size(), pattern::Effort::kKeptByte));
    view.bases.push_back(std::move(base));
  }
  return view;
}

absl::StatusOr<CopyOrigin> OriginOfCopy(const dockerfile::Outline& outline, const NamedContexts& contexts,
                                        const v1::Platform& target, size_t current,
                                        const dockerfile::Instruction& instruction) {
  if (instruction.keyword() != dockerfile::Keyword::kCopy) return CopyOrigin();
  const dockerfile::Flag* from = instruction.FindFlag("from");
  if (from == nullptr || from->value.empty()) return CopyOrigin();
  if (from->value.find('$') != std::string::npos) {
    return dockerfile::RecipeError(
        instruction.PlaceOf(outline.document.file, from->offset),
        "variables are not expanded in --from; expected a stage or an image (define a stage with FROM and an "
        "ARG before the first FROM instead)");
  }
  return FindOrigin(outline, contexts, target, current, instruction, from->value, from->offset);
}

absl::StatusOr<CopyOrigin> OriginOfMount(const dockerfile::Outline& outline, const NamedContexts& contexts,
                                         const v1::Platform& target, size_t current,
                                         const dockerfile::Instruction& instruction,
                                         const dockerfile::Flag& mount) {
  ASSIGN_OR_RETURN(const dockerfile::MountFrom from,
                   dockerfile::ReadMountFrom(outline.document.file, instruction, mount));
  if (from.value.empty()) return CopyOrigin();
  return FindOrigin(outline, contexts, target, current, instruction, from.value, from.offset);
}

absl::StatusOr<std::vector<CopyOrigin>> OriginsOf(const dockerfile::Outline& outline,
                                                  const NamedContexts& contexts, const v1::Platform& target,
                                                  size_t current,
                                                  const dockerfile::Instruction& instruction) {
  std::vector<CopyOrigin> origins;
  if (instruction.keyword() == dockerfile::Keyword::kCopy) {
    ASSIGN_OR_RETURN(CopyOrigin origin, OriginOfCopy(outline, contexts, target, current, instruction));
    if (origin.kind != CopyOrigin::kContext) origins.push_back(std::move(origin));
  }
  if (instruction.keyword() == dockerfile::Keyword::kRun) {
    for (const dockerfile::Flag& flag : instruction.flags) {
      if (flag.syntax->name != "mount") continue;
      ASSIGN_OR_RETURN(CopyOrigin origin,
                       OriginOfMount(outline, contexts, target, current, instruction, flag));
      if (origin.kind != CopyOrigin::kContext) origins.push_back(std::move(origin));
    }
  }
  return origins;
}

absl::StatusOr<std::vector<dockerfile::Instruction>> ReadTriggers(const dockerfile::Outline& outline,
                                                                  const dockerfile::Stage& stage,
                                                                  const std::vector<std::string>& texts) {
  std::vector<dockerfile::Instruction> triggers;
  for (const std::string& text : texts) {
    ASSIGN_OR_RETURN(dockerfile::Instruction trigger,
                     dockerfile::ParseTrigger(stage.from->PlaceOf(outline.document.file, 0), text));
    trigger.last_line = stage.from->last_line;
    triggers.push_back(std::move(trigger));
  }
  return triggers;
}

std::vector<const dockerfile::Instruction*> BodyOf(const dockerfile::Outline& outline,
                                                   const PlatformView& view, size_t stage) {
  std::vector<const dockerfile::Instruction*> body;
  if (view.bases[stage].replaced) return body;
  for (const dockerfile::Instruction& trigger : view.triggers[stage]) body.push_back(&trigger);
  const std::vector<const dockerfile::Instruction*>& own = outline.stages[stage].body;
  body.insert(body.end(), own.begin(), own.end());
  return body;
}

absl::StatusOr<std::vector<bool>> ReachableStages(const dockerfile::Outline& outline,
                                                  const PlatformView& view, size_t target) {
  std::vector<bool> reachable(outline.stages.size());
  std::vector<size_t> open{target};
  while (!open.empty()) {
    const size_t index = open.back();
    open.pop_back();
    if (reachable[index]) continue;
    reachable[index] = true;
    if (view.bases[index].kind == StageBase::kStage) open.push_back(view.bases[index].stage);
    for (const dockerfile::Instruction* instruction : BodyOf(outline, view, index)) {
      ASSIGN_OR_RETURN(const std::vector<CopyOrigin> origins,
                       OriginsOf(outline, *view.contexts, view.target, index, *instruction));
      for (const CopyOrigin& origin : origins) {
        if (origin.kind == CopyOrigin::kStage) open.push_back(origin.stage);
      }
    }
  }
  return reachable;
}

}  // namespace crossmill::plan
