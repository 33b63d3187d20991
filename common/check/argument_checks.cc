// Automatic arguments (TARGETARCH and its kin): defaults that hide them, and scripts that use them
// undeclared.
#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/check/subject.h"
#include "common/check/variables.h"

namespace crossmill::check {
namespace {

using dockerfile::Instruction;
using dockerfile::Keyword;

void CheckDefaults(const Instruction& instruction, Sink& sink) {
  if (instruction.keyword() != Keyword::kArg) return;
  for (const dockerfile::Pair& pair : instruction.pairs) {
    if (!pair.has_value || !dockerfile::IsPlatformArgument(pair.name)) continue;
    Finding* finding =
        sink.Add("AutomaticArgDefault", instruction, {pair.offset, pair.name.size()},
                 fmt::format("ARG {}={} hides the automatic value of {}", pair.name, pair.value, pair.name));
    if (finding == nullptr) continue;
    finding->fix = fmt::format("leave the default out: ARG {}", pair.name);
    if (instruction.pairs.size() == 1 && instruction.first_line == instruction.last_line) {
      finding->replacement = fmt::format("ARG {}", pair.name);
    }
  }
}

// The script itself gives the variable a value: NAME=..., for NAME in, read NAME.
bool Assigns(std::string_view script, std::string_view name) {
  for (size_t at = script.find(name); at != std::string_view::npos; at = script.find(name, at + 1)) {
    const std::string_view before = script.substr(0, at);
    const std::string_view after = script.substr(at + name.size());
    if (!before.empty() && (IsNamePart(before.back()) || before.back() == '$' || before.back() == '{'))
      continue;
    if (after.starts_with('=')) return true;
    if (!after.empty() && IsNamePart(after.front())) continue;
    const std::string_view line = before.substr(before.find_last_of("\n;&|") + 1);
    const std::vector<std::string> words =
        absl::StrSplit(Av(line), absl::ByAnyChar(" \t"), absl::SkipEmpty());
    if (!words.empty() && words.back() == "for") return true;
    if (std::find(words.begin(), words.end(), "read") != words.end()) return true;
  }
  return false;
}

class ScriptCheck {
 public:
  ScriptCheck(const Subject& subject, Sink& sink) : subject_(subject), sink_(sink) {}

  void Check(const dockerfile::Stage& stage) {
    std::set<std::string> told;
    const StageFacts& facts = subject_.stages[stage.index];
    for (size_t i = 0; i < stage.body.size(); ++i) {
      for (const RunScript& script : facts.scripts[i]) CheckScript(stage, script, told);
    }
  }

 private:
  void CheckScript(const dockerfile::Stage& stage, const RunScript& script, std::set<std::string>& told) {
    for (const VariableUse& use : FindVariables(script.text, '\\', false)) {
      if (!dockerfile::IsPlatformArgument(use.name) || told.contains(use.name)) continue;
      if (Defined(stage, use.name, script.instruction->first_line) || Assigns(script.text, use.name))
        continue;
      told.insert(use.name);
      ShellCommand place;
      place.offset = use.offset;
      place.length = use.length;
      if (Finding* finding =
              sink_.Add("UndeclaredAutomaticArg", script, place,
                        fmt::format("${} is used in RUN, but no ARG declares it in this stage", use.name))) {
        finding->fix = fmt::format("put ARG {} before this line", use.name);
      }
    }
  }

  bool Defined(const dockerfile::Stage& stage, const std::string& name, uint32_t line) const {
    if (subject_.HasEnv(stage.index, name, line)) return true;
    const auto base = subject_.input.bases.find(subject_.stages[stage.index].root_image);
    return base != subject_.input.bases.end() && base->second.variables.contains(name);
  }

  const Subject& subject_;
  Sink& sink_;
};

}  // namespace

void CheckAutomaticArguments(const Subject& subject, Sink& sink) {
  for (const Instruction* instruction : subject.outline.global_args) CheckDefaults(*instruction, sink);
  for (const dockerfile::Stage& stage : subject.outline.stages) {
    if (!subject.stages[stage.index].reached) continue;
    for (const Instruction* instruction : stage.body) CheckDefaults(*instruction, sink);
    ScriptCheck(subject, sink).Check(stage);
  }
}

}  // namespace crossmill::check
