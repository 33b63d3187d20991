// Docker's checks of FROM, and pinned bases.
#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "common/base/status.h"
#include "common/check/subject.h"
#include "common/check/variables.h"
#include "common/plan/image_reference.h"
#include "common/words/platform.h"

namespace crossmill::check {
namespace {

using dockerfile::Instruction;

void CheckUndefined(const Subject& subject, const Instruction& from, Sink& sink) {
  std::vector<std::string> declared;
  for (const Instruction* instruction : subject.outline.global_args) {
    for (const dockerfile::Pair& pair : instruction->pairs) declared.push_back(pair.name);
  }
  std::vector<std::string> candidates = declared;
  for (const char* side : {"BUILD", "TARGET"}) {
    for (const char* part : {"PLATFORM", "OS", "OSVERSION", "ARCH", "VARIANT"})
      candidates.push_back(std::string(side) + part);
  }
  const auto check = [&](std::string_view text, size_t offset) {
    for (const VariableUse& use : FindVariables(text, subject.outline.document.escape, false)) {
      if (use.is_required || dockerfile::IsPlatformArgument(use.name) ||
          std::find(declared.begin(), declared.end(), use.name) != declared.end()) {
        continue;
      }
      const std::string near = NearMiss(use.name, candidates);
      if (Finding* finding =
              sink.Add("UndefinedArgInFrom", from, {offset + use.offset, use.length},
                       fmt::format("FROM argument '{}' is not declared{}", use.name,
                                   near.empty() ? "" : fmt::format(" (did you mean {}?)", near)))) {
        finding->fix = near.empty() ? fmt::format("put ARG {}=... before the first FROM", use.name)
                                    : fmt::format("write ${{{}}}", near);
      }
    }
  };
  check(from.words[0].text, from.words[0].offset);
  if (const dockerfile::Flag* flag = from.FindFlag("platform")) check(flag->value, flag->offset + 11);
}

void CheckDefault(const Subject& subject, const Instruction& from, Sink& sink) {
  const std::string& text = from.words[0].text;
  if (text.find('$') == std::string::npos) return;
  v1::Recipe recipe = subject.input.recipe;
  recipe.clear_build_arguments();
  dockerfile::Variables variables;
  const dockerfile::ExpansionOptions options{subject.outline.document.escape, false};
  for (const char* side : {"BUILD", "TARGET"}) {
    const v1::Platform& platform =
        side[0] == 'B' ? subject.input.build_platform : subject.input.platforms.front();
    variables[std::string(side) + "PLATFORM"] = FormatPlatform(platform);
    variables[std::string(side) + "OS"] = platform.os();
    variables[std::string(side) + "ARCH"] = platform.architecture();
    variables[std::string(side) + "VARIANT"] = platform.variant();
  }
  for (const Instruction* instruction : subject.outline.global_args) {
    for (const dockerfile::Pair& pair : instruction->pairs) {
      const auto value = dockerfile::Expand(pair.value, variables, options);
      if (!value.ok()) return;
      if (pair.has_value) variables[pair.name] = *value;
    }
  }
  const auto value = dockerfile::Expand(text, variables, options);
  if (!value.ok() || (!value->empty() && plan::IsImageReference(*value))) return;
  if (Finding* finding = sink.Add(
          "InvalidDefaultArgInFrom", from, {from.words[0].offset, text.size()},
          fmt::format("Default value for ARG {} results in empty or invalid base image name", text))) {
    finding->fix = "give the argument a default before the first FROM: ARG NAME=value";
  }
}

void CheckPlatform(const dockerfile::Stage& stage, Sink& sink) {
  const Instruction& from = *stage.from;
  const dockerfile::Flag* flag = from.FindFlag("platform");
  if (flag == nullptr) return;
  const Span span{flag->offset, flag->value.size() + 11};
  const std::string rest = fmt::format("FROM {}", from.arguments());
  if (flag->value == "$TARGETPLATFORM" || flag->value == "${TARGETPLATFORM}") {
    if (Finding* finding = sink.Add("RedundantTargetPlatform", from, span,
                                    fmt::format("Setting platform to predefined {} in FROM is redundant as "
                                                "this is the default behavior",
                                                flag->value))) {
      finding->fix = "leave the flag out";
      if (from.first_line == from.last_line) finding->replacement = rest;
    }
    return;
  }
  if (flag->value.find('$') != std::string::npos) return;
  const auto platform = ParsePlatform(flag->value);
  if (!platform.ok() || absl::StrContains(stage.name, platform->os()) ||
      absl::StrContains(stage.name, platform->architecture())) {
    return;
  }
  if (Finding* finding =
          sink.Add("FromPlatformFlagConstDisallowed", from, span,
                   fmt::format("FROM --platform flag should not use constant value \"{}\"", flag->value))) {
    finding->fix =
        "leave the flag out and give --platform to the build; use $BUILDPLATFORM for stages that "
        "cross-compile";
    if (from.first_line == from.last_line) finding->replacement = rest;
  }
}

void CheckKnownPlatforms(const Subject& subject, const dockerfile::Stage& stage, Sink& sink) {
  const plan::StageBase& base = subject.stages[stage.index].base;
  if (base.kind != plan::StageBase::kImage || !subject.bases_known) return;
  const auto known = subject.input.bases.find(base.image.reference);
  if (known == subject.input.bases.end() || known->second.platforms.empty()) return;
  const bool pinned = stage.from->FindFlag("platform") != nullptr;
  for (const v1::Platform& wanted : subject.input.platforms) {
    const v1::Platform& expected = pinned ? base.platform : wanted;
    const bool found = std::any_of(
        known->second.platforms.begin(), known->second.platforms.end(), [&](const v1::Platform& has) {
          return has.os() == expected.os() && has.architecture() == expected.architecture();
        });
    if (found) continue;
    if (Finding* finding = sink.Add(
            "InvalidBaseImagePlatform", *stage.from,
            {stage.from->words[0].offset, stage.from->words[0].text.size()},
            fmt::format("Base image {} was pulled with platform \"{}\", expected \"{}\" for current build",
                        base.image.reference, FormatPlatform(known->second.platforms.front()),
                        FormatPlatform(expected)))) {
      finding->fix = fmt::format("use a base that exists for {}", FormatPlatform(expected));
    }
    if (pinned) return;
  }
}

void CheckPinned(const Subject& subject, const dockerfile::Stage& stage, std::set<std::string>* told,
                 Sink& sink) {
  const StageFacts& facts = subject.stages[stage.index];
  if (facts.base.kind != plan::StageBase::kImage || facts.base.image.reference.empty() || !facts.reached)
    return;
  // An OCI layout is its own pin.
  if (!facts.base.image.root.hash.empty()) return;
  const ImageName image = SplitImage(facts.base.image.reference);
  if (image.digest || !told->insert(facts.base.image.reference).second) return;
  const dockerfile::Word& word = stage.from->words[0];
  const Span span{word.offset, word.text.size()};
  if (image.tag.empty() || image.tag == "latest") {
    if (Finding* finding = sink.Add(
            "UnpinnedBase", *stage.from, span,
            image.tag.empty()
                ? fmt::format("Base image {} has no tag, so it is :latest", facts.base.image.reference)
                : fmt::format("Base image {} moves with every release", facts.base.image.reference))) {
      finding->fix = fmt::format("name a release: {}:VERSION", image.repository);
    }
    return;
  }
  if (Finding* finding =
          sink.Add("BaseWithoutDigest", *stage.from, span,
                   fmt::format("Base image {} is named by tag only", facts.base.image.reference))) {
    finding->fix =
        fmt::format("{}@sha256:..., as `crossmill show` reports it for a build", facts.base.image.reference);
  }
}

}  // namespace

void CheckFroms(const Subject& subject, Sink& sink) {
  std::set<std::string> told;
  for (const dockerfile::Stage& stage : subject.outline.stages) {
    CheckUndefined(subject, *stage.from, sink);
    CheckDefault(subject, *stage.from, sink);
    CheckPlatform(stage, sink);
    CheckKnownPlatforms(subject, stage, sink);
    CheckPinned(subject, stage, &told, sink);
  }
}

}  // namespace crossmill::check
