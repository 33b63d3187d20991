// Python packages on Alpine that have no wheel for musl.
#include <algorithm>
#include <array>
#include <functional>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/check/installers.h"
#include "common/check/subject.h"
#include "common/dockerfile/outline.h"

namespace crossmill::check {
namespace {

using dockerfile::Instruction;
using dockerfile::Keyword;

// Well known packages that had a manylinux wheel for CPython 3.11 and 3.12 on x86_64 and none for musllinux
// when the package index was asked on 2026-11-23 with
// `pip install --dry-run --no-deps --only-binary=:all: --platform musllinux_1_2_x86_64 NAME`.
constexpr std::array<std::string_view, 10> kWithoutMuslWheel = {
    "lightgbm",   "numba",   "onnxruntime", "opencv-python", "opencv-python-headless",
    "playwright", "pyside6", "tensorflow",  "torch",         "xgboost"};

bool IsMusl(std::string_view reference) {
  const ImageName image = SplitImage(reference);
  return image.name == "alpine" || absl::StrContains(image.tag, "alpine");
}

struct Named {
  std::string package;
  // Where it is asked for: "requirements.txt:3", or empty.
  std::string where;
  // As it is written.
  std::string requirement;
};

// The requirements file in the context that `path` of a step was copied from, if it can be found.
std::optional<std::pair<std::string, std::string>> FindFile(const Subject& subject,
                                                            const dockerfile::Stage& stage,
                                                            const Instruction& run, std::string_view path) {
  if (!subject.input.read_context) return std::nullopt;
  const size_t slash = path.rfind('/');
  const std::string name(slash == std::string_view::npos ? path : path.substr(slash + 1));
  std::vector<std::string> candidates;
  for (const Instruction* copy : stage.body) {
    if (copy == &run) break;
    if (copy->keyword() != Keyword::kCopy && copy->keyword() != Keyword::kAdd) continue;
    if (copy->FindFlag("from") != nullptr) continue;
    for (size_t i = 0; i + 1 < copy->words.size(); ++i) {
      std::string source = copy->words[i].text;
      while (source.starts_with("./")) source.erase(0, 2);
      if (source == name || source.ends_with("/" + name)) candidates.push_back(source);
      if (source.empty() || source == "." || source == "*")
        candidates.emplace_back(path.starts_with("./") ? path.substr(2) : path);
      if (source.ends_with('/')) candidates.push_back(source + name);
    }
  }
  for (const std::string& candidate : candidates) {
    if (candidate.starts_with('/') || absl::StrContains(candidate, "..")) continue;
    if (auto text = subject.input.read_context(candidate)) return std::pair(candidate, *std::move(text));
  }
  return std::nullopt;
}

std::vector<Named> NamedPackages(const Subject& subject, const dockerfile::Stage& stage,
                                 const Instruction& run, const ShellCommand& command) {
  std::vector<Named> named;
  const PipArguments arguments = ReadPipArguments(command);
  for (size_t i = 0; i < arguments.packages.size(); ++i)
    named.push_back({arguments.packages[i], "", arguments.requirements[i]});
  for (const std::string& file : arguments.files) {
    const auto found = FindFile(subject, stage, run, file);
    if (!found) continue;
    for (const RequirementLine& line : ReadRequirements(found->second))
      named.push_back({line.name, fmt::format("{}:{}", found->first, line.line), line.text});
  }
  return named;
}

// What the farm's own builds and the package indexes say comes before what was once looked up.
bool WasOnceMissing(std::string_view package) {
  return std::find(kWithoutMuslWheel.begin(), kWithoutMuslWheel.end(), package) != kWithoutMuslWheel.end();
}

void CheckCommand(const Subject& subject, const dockerfile::Stage& stage, const RunScript& script,
                  const ShellCommand& command, Sink& sink) {
  std::vector<std::string> missing;
  std::vector<std::string> compiled;
  double seconds = 0;
  std::string help;
  const std::string& base = subject.stages[stage.index].root_image;
  for (const Named& named : NamedPackages(subject, stage, *script.instruction, command)) {
    const std::string shown =
        named.where.empty() ? named.package : fmt::format("{} ({})", named.package, named.where);
    bool known = false;
    if (subject.input.history != nullptr) {
      for (const PastPackage& past : subject.input.history->packages()) {
        if (PackageName(past.name) != named.package || past.stage != stage.Label() ||
            History::Normalised(past.step_text) != History::Normalised(script.instruction->text)) {
          continue;
        }
        if (!known && past.failed) missing.push_back(shown);
        if (!known && past.source && !past.failed) {
          compiled.push_back(shown);
          seconds += past.seconds;
        }
        known = true;
      }
    }
    if (known) continue;
    const auto answer = subject.input.musl.find({base, named.requirement});
    if (answer == subject.input.musl.end()) {
      if (WasOnceMissing(named.package)) missing.push_back(shown);
    } else if (answer->second.kind != MuslAnswer::Kind::kWheel) {
      const bool none = answer->second.kind == MuslAnswer::Kind::kNone;
      (none ? missing : compiled).push_back(shown);
      if (help.empty()) help = answer->second.help;
    }
  }
  if (missing.empty() && compiled.empty()) return;
  std::vector<std::string> all = missing;
  all.insert(all.end(), compiled.begin(), compiled.end());
  Finding* finding = sink.Add(
      "NoMuslWheel", script, command,
      fmt::format("{} {} no wheel for {}", absl::StrJoin(all, ", "), all.size() == 1 ? "has" : "have", base));
  if (finding == nullptr) return;
  if (!compiled.empty() && missing.empty()) finding->why = "pip compiles it from source on Alpine";
  if (seconds > 0) finding->why += fmt::format("; the last build spent {} compiling", SecondsText(seconds));
  const ImageName image = SplitImage(base);
  finding->fix = image.name == "python"
                     ? "use a Debian base, where wheels install as they are: python:VERSION-slim"
                     : "use a Debian base, where wheels install as they are";
  if (!help.empty()) finding->fix += fmt::format("; or else: {}", help);
}

// Each pip command of stages with musl.
using MuslVisitor =
    std::function<void(const dockerfile::Stage& stage, const RunScript& script, const ShellCommand& command)>;

void EachMuslCommand(const Subject& subject, const MuslVisitor& visit) {
  for (const dockerfile::Stage& stage : subject.outline.stages) {
    const StageFacts& facts = subject.stages[stage.index];
    if (!facts.reached || !IsMusl(facts.root_image)) continue;
    for (const auto& scripts : facts.scripts) {
      for (const RunScript& script : scripts) {
        for (const ShellCommand& command : script.commands) {
          if (IsPipInstall(command)) visit(stage, script, command);
        }
      }
    }
  }
}

}  // namespace

std::vector<MuslQuestion> MuslQuestions(const CheckInput& input) {
  std::vector<MuslQuestion> questions;
  auto outline = dockerfile::ReadOutline(input.recipe.dockerfile_name(), input.recipe.dockerfile());
  if (!outline.ok()) return questions;
  const Subject subject(input, *std::move(outline));
  EachMuslCommand(
      subject, [&](const dockerfile::Stage& stage, const RunScript& script, const ShellCommand& command) {
        for (Named& named : NamedPackages(subject, stage, *script.instruction, command)) {
          MuslQuestion question(subject.stages[stage.index].root_image, std::move(named.requirement));
          if (std::find(questions.begin(), questions.end(), question) == questions.end())
            questions.push_back(std::move(question));
        }
      });
  return questions;
}

void CheckMusl(const Subject& subject, Sink& sink) {
  EachMuslCommand(subject,
                  [&](const dockerfile::Stage& stage, const RunScript& script, const ShellCommand& command) {
                    CheckCommand(subject, stage, script, command, sink);
                  });
}

}  // namespace crossmill::check
