// Docker's checks of names and forms of instructions.
#include <array>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "common/base/status.h"
#include "common/check/subject.h"
#include "common/check/variables.h"
#include "common/pattern/ignore_rules.h"
#include "common/pattern/path_pattern.h"

namespace crossmill::check {
namespace {

using dockerfile::Instruction;
using dockerfile::Keyword;
using dockerfile::Stage;

std::string Lower(std::string_view text) { return absl::AsciiStrToLower(Av(text)); }
std::string Upper(std::string_view text) { return absl::AsciiStrToUpper(Av(text)); }

// The instruction's name as written.
std::string_view WrittenName(const Instruction& instruction) {
  const std::string_view text = instruction.text;
  return text.substr(0, text.find_first_of(" \t\r\n\v\f"));
}

// The first line of the instruction with `from` (a part of it) replaced; empty if it is not there.
std::string LineWith(const Subject& subject, const Instruction& instruction, size_t offset, size_t length,
                     std::string_view to) {
  const dockerfile::Place place = instruction.PlaceOf("", offset);
  const std::string_view line = subject.Line(place.line);
  if (place.column == 0 || place.column - 1 + length > line.size()) return "";
  return std::string(line.substr(0, place.column - 1)) + std::string(to) +
         std::string(line.substr(place.column - 1 + length));
}

void CheckStageNames(const Subject& subject, Sink& sink) {
  std::set<std::string, std::less<>> seen;
  for (const Stage& stage : subject.outline.stages) {
    const Instruction& from = *stage.from;
    if (stage.name.empty()) continue;
    const dockerfile::Word& name = from.words[2];
    const dockerfile::Word& as = from.words[1];
    if (name.text != stage.name) {
      if (Finding* finding = sink.Add("StageNameCasing", from, {name.offset, name.text.size()},
                                      fmt::format("Stage name '{}' should be lowercase", name.text))) {
        finding->fix = fmt::format("call it {}", stage.name);
        finding->replacement = LineWith(subject, from, name.offset, name.text.size(), stage.name);
      }
    }
    const std::string_view written = WrittenName(from);
    const bool lower = written == Lower(written);
    const bool upper = written == Upper(written);
    if ((lower && as.text != Lower(as.text)) || (upper && !lower && as.text != Upper(as.text))) {
      if (Finding* finding =
              sink.Add("FromAsCasing", from, {as.offset, as.text.size()},
                       fmt::format("'{}' and '{}' keywords' casing do not match", as.text, written))) {
        finding->fix = fmt::format("write {}", lower ? "as" : "AS");
        finding->replacement = LineWith(subject, from, as.offset, as.text.size(), lower ? "as" : "AS");
      }
    }
    if (stage.name == "scratch" || stage.name == "context") {
      if (Finding* finding = sink.Add(
              "ReservedStageName", from, {name.offset, name.text.size()},
              fmt::format("Stage name should not use the same name as reserved stage \"{}\"", stage.name))) {
        finding->fix = "give the stage another name";
      }
    }
    if (!seen.insert(stage.name).second) {
      if (Finding* finding = sink.Add(
              "DuplicateStageName", from, {name.offset, name.text.size()},
              fmt::format("Duplicate stage name \"{}\", stage names should be unique", stage.name))) {
        finding->fix = "give the stage another name";
      }
    }
  }
}

void CheckCasing(const Subject& subject, Sink& sink) {
  int lower = 0;
  int upper = 0;
  const auto each = [&](const auto& visit) {
    for (const Stage& stage : subject.outline.stages) {
      visit(*stage.from);
      for (const Instruction* instruction : stage.body) visit(*instruction);
    }
  };
  each([&](const Instruction& instruction) {
    const std::string_view name = WrittenName(instruction);
    if (name == Lower(name)) {
      ++lower;
    } else if (name == Upper(name)) {
      ++upper;
    }
  });
  const bool want_lower = lower > upper;
  each([&](const Instruction& instruction) {
    const std::string_view name = WrittenName(instruction);
    const std::string wanted = want_lower ? Lower(name) : Upper(name);
    if (name == wanted) return;
    if (Finding* finding =
            sink.Add("ConsistentInstructionCasing", instruction, {0, name.size()},
                     fmt::format("Command '{}' should match the case of the command majority ({})", name,
                                 want_lower ? "lowercase" : "uppercase"))) {
      finding->fix = fmt::format("write {}", wanted);
      finding->replacement = LineWith(subject, instruction, 0, name.size(), wanted);
    }
  });
}

// An empty line between the first and the last line of an instruction, here-documents left out. The place is
// the end of the instruction, as in Docker's builder, so that both tools name one line.
void CheckContinuation(const Subject& subject, const Instruction& instruction, Sink& sink) {
  uint32_t last = instruction.last_line;
  for (const dockerfile::Heredoc& heredoc : instruction.heredocs) {
    last -= static_cast<uint32_t>(std::count(heredoc.content.begin(), heredoc.content.end(), '\n') + 1);
  }
  for (uint32_t line = instruction.first_line + 1; line <= last; ++line) {
    if (!absl::StripAsciiWhitespace(Av(subject.Line(line))).empty()) continue;
    if (Finding* finding = sink.AddAtLine("NoEmptyContinuation", last, "Empty continuation line")) {
      finding->fix = fmt::format("remove the empty line {}, or end the instruction before it", line);
    }
    return;
  }
}

std::string JsonForm(std::string_view name, std::string_view command) {
  // Only what a shell would split at blanks and do nothing else with.
  if (command.find_first_of("$`\"'\\|&;<>(){}*?~#=") != std::string_view::npos) return "";
  std::string text = fmt::format("{} [", name);
  bool first = true;
  for (const ShellCommand& simple : ReadShellCommands(command)) {
    for (const ShellWord& word : simple.words) {
      text += fmt::format("{}\"{}\"", first ? "" : ", ", word.text);
      first = false;
    }
  }
  return text + "]";
}

void CheckOnce(const Instruction& instruction, const Instruction** last, Sink& sink) {
  if (*last != nullptr) {
    if (Finding* finding = sink.Add("MultipleInstructionsDisallowed", **last, {},
                                    fmt::format("Multiple {} instructions should not be used in the same "
                                                "stage because only the last one will be used",
                                                instruction.syntax->name))) {
      finding->fix = fmt::format("remove it; line {} is the one that counts", instruction.first_line);
    }
  }
  *last = &instruction;
}

void CheckStarts(const Subject& subject, Sink& sink) {
  std::vector<bool> shell_set(subject.stages.size());
  for (const Stage& stage : subject.outline.stages) {
    const StageFacts& facts = subject.stages[stage.index];
    bool shell = facts.base.kind == plan::StageBase::kStage && shell_set[facts.base.stage];
    const Instruction* command = nullptr;
    const Instruction* entrypoint = nullptr;
    const Instruction* health = nullptr;
    for (const Instruction* instruction : stage.body) {
      const Keyword keyword = instruction->keyword();
      if (keyword == Keyword::kShell) shell = true;
      if (keyword == Keyword::kHealthcheck) CheckOnce(*instruction, &health, sink);
      if (keyword == Keyword::kCmd) CheckOnce(*instruction, &command, sink);
      if (keyword == Keyword::kEntrypoint) CheckOnce(*instruction, &entrypoint, sink);
      if ((keyword != Keyword::kCmd && keyword != Keyword::kEntrypoint) || instruction->json || shell)
        continue;
      if (Finding* finding =
              sink.Add("JSONArgsRecommended", *instruction, {},
                       fmt::format("JSON arguments recommended for {} to prevent unintended behavior related "
                                   "to OS signals",
                                   instruction->syntax->name))) {
        finding->replacement = JsonForm(instruction->syntax->name, instruction->arguments());
        finding->fix = finding->replacement.empty()
                           ? fmt::format(
                                 "{} [\"program\", \"argument\"...]; where a shell is needed, "
                                 "[\"/bin/sh\", \"-c\", \"exec ...\"]",
                                 instruction->syntax->name)
                           : "write the command as a JSON array";
      }
    }
    shell_set[stage.index] = shell;
  }
}

void CheckWorkdirs(const Subject& subject, Sink& sink) {
  std::vector<bool> set(subject.stages.size());
  for (const Stage& stage : subject.outline.stages) {
    const StageFacts& facts = subject.stages[stage.index];
    bool known = facts.base.kind == plan::StageBase::kStage && set[facts.base.stage];
    for (const Instruction* instruction : stage.body) {
      if (instruction->keyword() != Keyword::kWorkdir) continue;
      const dockerfile::Word& path = instruction->words[0];
      // A variable may begin with a slash.
      const bool absolute = path.text.starts_with('/') || path.text.starts_with('$') ||
                            path.text.starts_with("\"/") || path.text.starts_with("'/") ||
                            path.text.starts_with("\"$");
      if (!known && !absolute) {
        if (Finding* finding =
                sink.Add("WorkdirRelativePath", *instruction, {path.offset, path.text.size()},
                         fmt::format("Relative workdir \"{}\" can have unexpected results if the base image "
                                     "changes",
                                     path.text))) {
          finding->fix = "give the whole path";
          finding->replacement = fmt::format("WORKDIR /{}", path.text);
        }
      }
      known = true;
    }
    set[stage.index] = known;
  }
}

bool IsSecretName(std::string_view name) {
  constexpr std::array<std::string_view, 10> kSecret = {
      "apikey", "auth", "credential", "credentials", "key", "password", "pword", "passwd", "secret", "token"};
  bool secret = false;
  const std::string lower = Lower(name);
  std::string_view rest = lower;
  while (true) {
    const size_t end = rest.find('_');
    const std::string_view word = rest.substr(0, end);
    if (word == "public" || word == "file" || word == "version") return false;
    for (const std::string_view token : kSecret) secret = secret || word == token;
    if (end == std::string_view::npos) return secret;
    rest.remove_prefix(end + 1);
  }
}

void CheckPairs(const Subject& subject, const Instruction& instruction, Sink& sink) {
  const Keyword keyword = instruction.keyword();
  if (keyword == Keyword::kEnv || keyword == Keyword::kArg) {
    for (const dockerfile::Pair& pair : instruction.pairs) {
      if (!IsSecretName(pair.name)) continue;
      if (Finding* finding =
              sink.Add("SecretsUsedInArgOrEnv", instruction, {pair.offset, pair.name.size()},
                       fmt::format("Do not use ARG or ENV instructions for sensitive data ({} \"{}\")",
                                   instruction.syntax->name, pair.name))) {
        finding->fix = fmt::format(
            "give it to the step that needs it: RUN --mount=type=secret,id={0},env={1} ..., and build with "
            "--secret id={0},env={1}; at run time, pass it to the container",
            Lower(pair.name), pair.name);
      }
    }
  }
  if ((keyword == Keyword::kEnv || keyword == Keyword::kLabel) && instruction.pairs.size() == 1) {
    const dockerfile::Pair& pair = instruction.pairs[0];
    const std::string_view arguments = instruction.arguments();
    if (arguments.size() <= pair.name.size() || arguments[pair.name.size()] == '=') return;
    if (Finding* finding = sink.Add(
            "LegacyKeyValueFormat", instruction, {},
            fmt::format("\"{0} key=value\" should be used instead of legacy \"{0} key value\" format",
                        instruction.syntax->name))) {
      const bool quote = pair.value.find_first_of(" \t") != std::string::npos &&
                         !pair.value.starts_with('"') && !pair.value.starts_with('\'');
      finding->fix = "write NAME=value";
      if (instruction.first_line == instruction.last_line) {
        finding->replacement = fmt::format("{} {}={}{}{}", WrittenName(instruction), pair.name,
                                           quote ? "\"" : "", pair.value, quote ? "\"" : "");
      }
    }
  }
  (void)subject;
}

void CheckExpose(const Instruction& instruction, Sink& sink) {
  for (const dockerfile::Word& word : instruction.words) {
    const size_t slash = word.text.rfind('/');
    if (slash != std::string::npos && word.text.find('$', slash) == std::string::npos) {
      const std::string_view protocol = std::string_view(word.text).substr(slash + 1);
      if (protocol != Lower(protocol)) {
        if (Finding* finding = sink.Add(
                "ExposeProtoCasing", instruction, {word.offset, word.text.size()},
                fmt::format("Defined protocol '{}' in EXPOSE instruction should be lowercase", word.text))) {
          finding->fix = fmt::format("write {}{}", word.text.substr(0, slash + 1), Lower(protocol));
        }
      }
    }
    // A colon inside ${NAME:-8080} maps nothing.
    int braces = 0;
    size_t last = std::string::npos;
    for (size_t i = 0; i < word.text.size(); ++i) {
      braces += word.text[i] == '{' ? 1 : word.text[i] == '}' ? -1 : 0;
      if (word.text[i] == ':' && braces == 0) last = i;
    }
    if (last == std::string::npos) continue;
    if (Finding* finding = sink.Add("ExposeInvalidFormat", instruction, {word.offset, word.text.size()},
                                    fmt::format("EXPOSE instruction should not define an IP address or "
                                                "host-port mapping, found '{}'",
                                                word.text))) {
      finding->fix = fmt::format("EXPOSE {}, and -p {} when the container is run", word.text.substr(last + 1),
                                 word.text);
    }
  }
}

void CheckIgnored(const Instruction& instruction, const pattern::IgnoreRules& rules, Sink& sink) {
  if (instruction.FindFlag("from") != nullptr || instruction.words.empty()) return;
  for (size_t i = 0; i + 1 < instruction.words.size(); ++i) {
    const dockerfile::Word& word = instruction.words[i];
    if (absl::StrContains(word.text, "://") || word.text.find('$') != std::string::npos ||
        word.text.starts_with("git@") || (!instruction.json && word.text.starts_with("<<"))) {
      continue;
    }
    // As Docker does it, a pattern is looked at as if it were a path: rules that hide `*.log` hide what it
    // names.
    std::string path = pattern::CleanAbsolute(word.text).substr(1);
    const bool whole = path.empty();
    if (whole) path = ".";
    const auto rule = rules.Excluding(path);
    if (!rule) continue;
    // Of the whole context something is left, unless a rule hides all of it.
    if (whole && rule->text != "*" && rule->text != "**" && rule->text != "**/*") continue;
    const std::string command = instruction.keyword() == Keyword::kAdd ? "Add" : "Copy";
    if (Finding* finding = sink.Add(
            "CopyIgnoredFile", instruction, {word.offset, word.text.size()},
            fmt::format("Attempting to {} file \"{}\" that is excluded by .dockerignore", command, path))) {
      finding->fix = fmt::format("remove line {} of the ignore file ({}), or add !{} behind it", rule->line,
                                 rule->text, path);
    }
  }
}

void CheckDescription(const Subject& subject, const Instruction& instruction, Sink& sink) {
  std::vector<std::string> names;
  if (instruction.keyword() == Keyword::kFrom) {
    if (instruction.words.size() == 3) names.push_back(Lower(instruction.words[2].text));
  } else if (instruction.keyword() == Keyword::kArg) {
    for (const dockerfile::Pair& pair : instruction.pairs) names.push_back(pair.name);
  }
  if (names.empty() || instruction.first_line < 2) return;
  std::string_view comment = Sv(absl::StripAsciiWhitespace(Av(subject.Line(instruction.first_line - 1))));
  if (!comment.starts_with('#')) return;
  comment = Sv(absl::StripAsciiWhitespace(Av(comment.substr(1))));
  if (comment.empty()) return;
  const std::string_view first = comment.substr(0, comment.find(' '));
  for (const std::string& name : names) {
    if (first == name) return;
  }
  // Directives are no descriptions.
  for (const std::string_view directive : {"syntax", "escape", "check"}) {
    const std::string_view name = comment.substr(0, comment.find('='));
    if (comment.find('=') != std::string_view::npos && absl::StripAsciiWhitespace(Av(name)) == Av(directive))
      return;
  }
  if (Finding* finding =
          sink.Add("InvalidDefinitionDescription", instruction, {},
                   fmt::format("Comment for {} should follow the format: `# {} <description>`",
                               instruction.syntax->name, names.size() > 1 ? "<arg_key>" : names[0]))) {
    finding->fix = "begin the comment with the name, or put an empty line between";
  }
}

std::optional<pattern::IgnoreRules> PlainIgnoreRules(const CheckInput& input) {
  if (!input.has_ignore_file) return std::nullopt;
  const std::string& text = input.recipe.ignore_file();
  // As Docker: with exceptions it is too hard to say what is left.
  if (text.starts_with('!') || absl::StrContains(text, "\n!")) return std::nullopt;
  auto rules = pattern::IgnoreRules::Parse(text);
  if (!rules.ok()) return std::nullopt;
  return *std::move(rules);
}

}  // namespace

void CheckForms(const Subject& subject, Sink& sink) {
  CheckStageNames(subject, sink);
  CheckCasing(subject, sink);
  CheckStarts(subject, sink);
  CheckWorkdirs(subject, sink);
  for (const Instruction& instruction : subject.outline.document.instructions) {
    CheckContinuation(subject, instruction, sink);
    CheckDescription(subject, instruction, sink);
  }
  const auto ignore = PlainIgnoreRules(subject.input);
  for (const Stage& stage : subject.outline.stages) {
    for (const Instruction* instruction : stage.body) {
      CheckPairs(subject, *instruction, sink);
      switch (instruction->keyword()) {
        case Keyword::kMaintainer:
          if (Finding* finding = sink.Add("MaintainerDeprecated", *instruction, {},
                                          "Maintainer instruction is deprecated in favor of using label")) {
            finding->fix = "use a label";
            finding->replacement =
                fmt::format("LABEL org.opencontainers.image.authors=\"{}\"", instruction->words[0].text);
          }
          break;
        case Keyword::kExpose:
          CheckExpose(*instruction, sink);
          break;
        case Keyword::kCopy:
        case Keyword::kAdd:
          if (ignore) CheckIgnored(*instruction, *ignore, sink);
          break;
        default:
          break;
      }
    }
  }
}

}  // namespace crossmill::check
