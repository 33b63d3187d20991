#include "common/check/subject.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "common/base/status.h"
#include "common/check/rules.h"

namespace crossmill::check {
namespace {

using dockerfile::Instruction;
using dockerfile::Keyword;

size_t LineCount(std::string_view text) {
  return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
}

bool IsShell(std::string_view program) {
  const size_t slash = program.rfind('/');
  if (slash != std::string_view::npos) program.remove_prefix(slash + 1);
  return program == "sh" || program == "bash" || program == "ash" || program == "dash" || program == "zsh";
}

// Whether here-documents of this command line are shell scripts: RUN <<EOF, RUN bash <<EOF.
bool FeedsShell(const std::vector<ShellCommand>& line) {
  if (line.empty()) return true;
  return line.size() == 1 && IsShell(line[0].Program());
}

bool HasForeignShebang(std::string_view content) {
  if (!content.starts_with("#!")) return false;
  const std::string_view line = content.substr(0, content.find('\n'));
  return !line.ends_with("sh") && !absl::StrContains(Av(line), "sh ");
}

std::vector<RunScript> ScriptsOf(const Instruction& instruction) {
  std::vector<RunScript> scripts;
  if (instruction.keyword() != Keyword::kRun || instruction.words.empty()) return scripts;
  const size_t offset = instruction.words[0].offset;
  RunScript line{&instruction, {}, offset, 0, ""};
  if (instruction.json) {
    // A command as one, and the script if it is a shell's.
    ShellCommand command;
    command.offset = 0;
    command.length = instruction.text.size() - offset;
    for (const dockerfile::Word& word : instruction.words) command.words.push_back({word.text, 0, 0, false});
    const bool shell = IsShell(instruction.words[0].text) && instruction.words.size() >= 3;
    line.commands.push_back(command);
    if (shell) {
      for (ShellCommand& inner : ReadShellCommands(instruction.words[2].text)) {
        inner.offset = 0;
        inner.length = command.length;
        inner.nested = true;
        line.commands.push_back(std::move(inner));
      }
    }
    scripts.push_back(std::move(line));
    return scripts;
  }
  line.text = instruction.words[0].text;
  line.commands = ReadShellCommands(line.text);
  const bool feeds = !instruction.heredocs.empty() && FeedsShell(line.commands);
  scripts.push_back(std::move(line));
  size_t total = 0;
  for (const dockerfile::Heredoc& heredoc : instruction.heredocs) total += LineCount(heredoc.content) + 1;
  auto next = static_cast<uint32_t>(instruction.last_line - total + 1);
  for (const dockerfile::Heredoc& heredoc : instruction.heredocs) {
    if (feeds && !HasForeignShebang(heredoc.content)) {
      scripts.push_back(
          {&instruction, ReadShellCommands(heredoc.content), std::string::npos, next, heredoc.content});
    }
    next += static_cast<uint32_t>(LineCount(heredoc.content) + 1);
  }
  return scripts;
}

}  // namespace

Subject::Subject(const CheckInput& given, dockerfile::Outline read) : input(given), outline(std::move(read)) {
  std::string_view rest = input.recipe.dockerfile();
  if (rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.emplace_back(line);
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  ReadStages();
}

void Subject::ReadStages() {
  stages.resize(outline.stages.size());
  target = outline.stages.size() - 1;
  if (const auto wanted = dockerfile::FindTarget(outline, input.recipe.target()); wanted.ok())
    target = *wanted;
  const auto contexts = plan::NamedContexts::Read(input.recipe);
  const dockerfile::Variables given = plan::GivenArguments(input.recipe, std::nullopt);
  const plan::NamedContexts none;
  const auto view = plan::ViewFor(outline, contexts.ok() ? *contexts : none, given, input.recipe.target(),
                                  input.platforms.front(), input.build_platform);
  bases_known = view.ok();
  std::vector<bool> reached(stages.size(), true);
  if (bases_known) {
    const auto known = plan::ReachableStages(outline, *view, target);
    if (known.ok()) reached = *known;
  }
  for (size_t i = 0; i < stages.size(); ++i) {
    StageFacts& facts = stages[i];
    facts.reached = reached[i];
    if (bases_known) {
      facts.base = view->bases[i];
      if (facts.base.kind == plan::StageBase::kImage) facts.root_image = facts.base.image.reference;
      if (facts.base.kind == plan::StageBase::kScratch) facts.root_image = "scratch";
      if (facts.base.kind == plan::StageBase::kStage) facts.root_image = stages[facts.base.stage].root_image;
    } else {
      // FROM with an argument that only a build gives: an earlier stage is still one.
      const std::string& name = outline.stages[i].from->words[0].text;
      if (const auto earlier = outline.FindStage(name, i)) {
        facts.base.kind = plan::StageBase::kStage;
        facts.base.stage = *earlier;
        facts.root_image = stages[*earlier].root_image;
      } else {
        facts.base.kind = name == "scratch" ? plan::StageBase::kScratch : plan::StageBase::kImage;
        const bool plain = name.find('$') == std::string::npos;
        facts.base.image.reference = plain ? name : "";
        facts.root_image = facts.base.image.reference;
      }
    }
    for (const Instruction* instruction : outline.stages[i].body)
      facts.scripts.push_back(ScriptsOf(*instruction));
  }
  for (const size_t stage : Lineage(target)) stages[stage].in_image = true;
}

std::vector<size_t> Subject::Lineage(size_t stage) const {
  std::vector<size_t> lineage{stage};
  while (stages[stage].base.kind == plan::StageBase::kStage) {
    stage = stages[stage].base.stage;
    lineage.push_back(stage);
  }
  return lineage;
}

bool Subject::HasEnv(size_t stage, std::string_view name, uint32_t line) const {
  for (const size_t index : Lineage(stage)) {
    for (const Instruction* instruction : outline.stages[index].body) {
      if (index == stage && instruction->first_line >= line) break;
      if (instruction->keyword() != Keyword::kEnv && instruction->keyword() != Keyword::kArg) continue;
      for (const dockerfile::Pair& pair : instruction->pairs) {
        if (pair.name == name) return true;
      }
    }
  }
  return false;
}

bool Sink::Wants(std::string_view rule) const {
  const Rule* known = FindRule(rule);
  return known != nullptr && selection_.Applies(*known);
}

Finding* Sink::AddAtFile(std::string_view rule, std::string file, std::string message) {
  const Rule* known = FindRule(rule);
  if (known == nullptr || !selection_.Applies(*known)) return nullptr;
  Finding finding;
  finding.rule = rule;
  finding.severity = known->severity;
  finding.why = known->why;
  finding.file = std::move(file);
  finding.message = std::move(message);
  findings_.push_back(std::move(finding));
  return &findings_.back();
}

Finding* Sink::AddAtLine(std::string_view rule, uint32_t line, std::string message) {
  Finding* finding = AddAtFile(rule, subject_.outline.document.file, std::move(message));
  if (finding != nullptr) finding->line = finding->end_line = line;
  return finding;
}

Finding* Sink::Add(std::string_view rule, const Instruction& instruction, Span span, std::string message) {
  Finding* finding = AddAtFile(rule, subject_.outline.document.file, std::move(message));
  if (finding == nullptr) return nullptr;
  const dockerfile::Place begin = instruction.PlaceOf(subject_.outline.document.file, span.offset);
  finding->line = finding->end_line = begin.line;
  finding->column = begin.column;
  if (span.length > 0) {
    const dockerfile::Place last =
        instruction.PlaceOf(subject_.outline.document.file, span.offset + span.length - 1);
    finding->end_line = last.line;
    finding->end_column = last.column + 1;
  } else if (instruction.last_line > instruction.first_line && span.offset == 0) {
    finding->end_line = instruction.last_line;
  }
  return finding;
}

Finding* Sink::Add(std::string_view rule, const RunScript& script, const ShellCommand& command,
                   std::string message) {
  if (script.offset != std::string::npos) {
    return Add(rule, *script.instruction,
               {script.offset + command.offset, std::max<size_t>(command.length, 1)}, std::move(message));
  }
  Finding* finding = AddAtFile(rule, subject_.outline.document.file, std::move(message));
  if (finding == nullptr) return nullptr;
  const auto place = [&](size_t offset) {
    const std::string_view before = std::string_view(script.text).substr(0, offset);
    const size_t newline = before.rfind('\n');
    const size_t start = newline == std::string_view::npos ? 0 : newline + 1;
    return std::pair<uint32_t, uint32_t>(script.first_line + static_cast<uint32_t>(LineCount(before)),
                                         static_cast<uint32_t>(offset - start + 1));
  };
  const auto begin = place(command.offset);
  const auto end = place(command.offset + command.length);
  finding->line = begin.first;
  finding->column = begin.second;
  finding->end_line = end.first;
  finding->end_column = end.second;
  return finding;
}

bool HasCacheMount(const Instruction& instruction, std::string_view below) {
  for (const dockerfile::Flag& flag : instruction.flags) {
    if (flag.syntax->name != "mount") continue;
    const bool kept =
        absl::StrContains(flag.value, "type=cache") || absl::StrContains(flag.value, "type=tmpfs");
    if (kept && (below.empty() || absl::StrContains(flag.value, Av(below)))) return true;
  }
  return false;
}

ImageName SplitImage(std::string_view reference) {
  ImageName image;
  const size_t at = reference.find('@');
  image.digest = at != std::string_view::npos;
  reference = reference.substr(0, at);
  const size_t slash = reference.rfind('/');
  const size_t colon = reference.rfind(':');
  if (colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash)) {
    image.tag = reference.substr(colon + 1);
    reference = reference.substr(0, colon);
  }
  image.repository = reference;
  image.name = slash == std::string_view::npos ? reference : reference.substr(slash + 1);
  return image;
}

}  // namespace crossmill::check
