// Checks of scripts in RUN that concern no package manager: pipes, cd, ADD, values that are secrets.
#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "common/base/status.h"
#include "common/check/subject.h"

namespace crossmill::check {
namespace {

using dockerfile::Instruction;
using dockerfile::Keyword;

bool Downloads(std::string_view program) { return program == "curl" || program == "wget"; }

// Programs that do harm with half a download.
bool Consumes(std::string_view program) {
  return program == "sh" || program == "bash" || program == "ash" || program == "dash" || program == "zsh" ||
         program == "tar" || program == "bsdtar" || program == "python" || program == "python3" ||
         program == "perl" || program == "ruby" || program == "gpg" || program == "apt-key" ||
         program == "gunzip" || program == "unxz" || program == "cpio" || program == "node";
}

bool SetsPipefail(const RunScript& script) {
  return std::any_of(script.commands.begin(), script.commands.end(), [](const ShellCommand& command) {
    return std::any_of(command.words.begin(), command.words.end(),
                       [](const ShellWord& word) { return word.text == "pipefail"; });
  });
}

bool ShellHasPipefail(const Subject& subject, size_t stage, uint32_t line) {
  for (const size_t index : subject.Lineage(stage)) {
    const Instruction* last = nullptr;
    for (const Instruction* instruction : subject.outline.stages[index].body) {
      if (index == stage && instruction->first_line >= line) break;
      if (instruction->keyword() == Keyword::kShell) last = instruction;
    }
    if (last != nullptr) {
      // "-o", "pipefail", or another shell altogether.
      return std::any_of(last->words.begin(), last->words.end(), [](const dockerfile::Word& word) {
        return absl::StrContains(word.text, "pipefail") || absl::StrContains(word.text, "powershell") ||
               absl::StrContains(word.text, "pwsh") || absl::StrContains(word.text, "cmd");
      });
    }
  }
  return false;
}

void CheckPipes(const Subject& subject, size_t stage, const RunScript& script, Sink& sink) {
  if (SetsPipefail(script)) return;
  for (size_t i = 0; i < script.commands.size(); ++i) {
    const ShellCommand& command = script.commands[i];
    if (!command.writes_pipe || !Downloads(command.Program())) continue;
    const ShellCommand* consumer = nullptr;
    for (size_t next = i + 1; next < script.commands.size() && consumer == nullptr; ++next) {
      const ShellCommand& reader = script.commands[next];
      if (!reader.reads_pipe) {
        if (!reader.nested) break;
        continue;
      }
      if (Consumes(reader.Program())) consumer = &reader;
      if (!reader.writes_pipe) break;
    }
    if (consumer == nullptr || ShellHasPipefail(subject, stage, script.instruction->first_line)) continue;
    // tar, gpg and the like fail on a broken stream; a shell runs what it got.
    ShellCommand whole = command;
    whole.length = consumer->offset + consumer->length - command.offset;
    if (Finding* finding = sink.Add(
            "PipeWithoutPipefail", script, whole,
            fmt::format("{} is piped to {} without pipefail", command.Program(), consumer->Program()))) {
      finding->fix =
          "SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"] before it, or download to a file, check it, "
          "then run it";
    }
  }
}

void CheckCd(const Instruction& run, const RunScript& script, Sink& sink) {
  if (script.commands.empty() || script.commands[0].Program() != "cd" || script.commands[0].nested) return;
  const ShellCommand& cd = script.commands[0];
  // Only a RUN that is one cd and one more command is surely meant as WORKDIR.
  size_t others = 0;
  for (const ShellCommand& command : script.commands) {
    if (&command != &cd && !command.nested) ++others;
    if (&command != &cd && command.Program() == "cd") return;
  }
  if (others == 0 || cd.words.size() != 2 || cd.words[1].expands || !cd.words[1].text.starts_with('/'))
    return;
  if (Finding* finding =
          sink.Add("CdInRun", script, cd,
                   fmt::format("cd {} lasts until the end of this RUN only", cd.words[1].text))) {
    finding->fix = fmt::format("WORKDIR {}", cd.words[1].text);
    if (run.first_line == run.last_line && run.flags.empty() && script.offset != std::string::npos) {
      std::string_view rest = std::string_view(script.text).substr(cd.offset + cd.length);
      while (!rest.empty() && (rest[0] == ' ' || rest[0] == '&' || rest[0] == ';')) rest.remove_prefix(1);
      finding->replacement = fmt::format("WORKDIR {}\nRUN {}", cd.words[1].text, rest);
    }
  }
}

bool IsArchive(std::string_view name) {
  for (const std::string_view end : {".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tbz", ".tar.xz",
                                     ".txz", ".tar.zst", ".gz", ".bz2", ".xz", ".zst"}) {
    if (name.ends_with(end)) return true;
  }
  return false;
}

void CheckAdd(const Subject& subject, const Instruction& add, Sink& sink) {
  for (const dockerfile::Flag& flag : add.flags) {
    if (flag.syntax->name == "checksum" || flag.syntax->name == "keep-git-dir" ||
        flag.syntax->name == "unpack")
      return;
  }
  for (size_t i = 0; i + 1 < add.words.size(); ++i) {
    const std::string& source = add.words[i].text;
    // A pattern or a variable may name an archive; a folder and a file with another name may not.
    if (absl::StrContains(source, "://") || source.starts_with("git@") ||
        source.find('$') != std::string::npos || IsArchive(source) ||
        source.find_first_of("*?[") != std::string::npos) {
      return;
    }
    const size_t slash = source.find_last_of('/');
    const std::string name = slash == std::string::npos ? source : source.substr(slash + 1);
    // A name without an end may be anything, but for folders and texts it is COPY.
    const bool folder = name.empty() || name == "." || name == "..";
    const size_t dot = name.find_last_of('.');
    if (!folder && !source.starts_with("<<") && (dot == std::string::npos || dot == 0)) return;
  }
  if (Finding* finding = sink.Add("AddInsteadOfCopy", add, {0, 3}, "COPY does what this ADD does")) {
    finding->fix = "write COPY";
    const std::string_view line = subject.Line(add.first_line);
    const dockerfile::Place place = add.PlaceOf("", 0);
    if (add.first_line == add.last_line && place.column > 0) {
      finding->replacement =
          std::string(line.substr(0, place.column - 1)) + "COPY" + std::string(line.substr(place.column + 2));
    }
  }
}

struct SecretForm {
  std::string_view prefix;
  size_t least;
  std::string_view what;
};
// Prefixes that their issuers chose so that leaked keys can be found.
constexpr std::array<SecretForm, 14> kSecretForms = {{
    {"AKIA", 16, "an AWS access key"},
    {"ASIA", 16, "an AWS access key"},
    {"ghp_", 36, "a GitHub token"},
    {"gho_", 36, "a GitHub token"},
    {"ghs_", 36, "a GitHub token"},
    {"github_pat_", 40, "a GitHub token"},
    {"glpat-", 20, "a GitLab token"},
    {"xoxb-", 20, "a Slack token"},
    {"xoxp-", 20, "a Slack token"},
    {"sk_live_", 20, "a Stripe key"},
    {"AIza", 35, "a Google API key"},
    {"npm_", 36, "an npm token"},
    {"pypi-AgEI", 40, "a package index token"},
    {"hf_", 34, "a Hugging Face token"},
}};

bool IsTokenPart(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-';
}

// A value in `text` that looks like a secret: its place, or length 0.
std::pair<Span, std::string_view> FindSecret(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (i > 0 && IsTokenPart(text[i - 1])) continue;
    for (const SecretForm& form : kSecretForms) {
      if (text.substr(i, form.prefix.size()) != form.prefix) continue;
      size_t end = i + form.prefix.size();
      while (end < text.size() && IsTokenPart(text[end])) ++end;
      const std::string_view value = text.substr(i + form.prefix.size(), end - i - form.prefix.size());
      // Placeholders repeat one letter or say EXAMPLE.
      const bool varied = std::set<char>(value.begin(), value.end()).size() >= 8;
      if (value.size() >= form.least && varied && !absl::StrContains(Av(value), "EXAMPLE"))
        return {{i, end - i}, form.what};
    }
  }
  if (const size_t at = text.find("-----BEGIN "); at != std::string_view::npos) {
    const std::string_view rest = text.substr(at, 60);
    if (absl::StrContains(Av(rest), "PRIVATE KEY-----")) return {{at, 11}, "a private key"};
  }
  // https://user:password@host
  for (size_t at = text.find("://"); at != std::string_view::npos; at = text.find("://", at + 3)) {
    const std::string_view scheme = text.substr(at < 5 ? 0 : at - 5, at < 5 ? at : 5);
    if (!scheme.ends_with("http") && !scheme.ends_with("https")) continue;
    const std::string_view rest = text.substr(at + 3, text.find_first_of("/ \t\n\"'", at + 3) - at - 3);
    const size_t sign = rest.rfind('@');
    const size_t colon = rest.find(':');
    if (sign == std::string_view::npos || colon >= sign) continue;
    const std::string_view password = rest.substr(colon + 1, sign - colon - 1);
    if (password.size() < 6 || password.find_first_of("$<{%*") != std::string_view::npos) continue;
    return {{at + 3 + colon + 1, password.size()}, "a password in a URL"};
  }
  return {{}, ""};
}

}  // namespace

void CheckScripts(const Subject& subject, Sink& sink) {
  for (const dockerfile::Stage& stage : subject.outline.stages) {
    const StageFacts& facts = subject.stages[stage.index];
    if (!facts.reached) continue;
    for (size_t i = 0; i < stage.body.size(); ++i) {
      if (stage.body[i]->keyword() == Keyword::kAdd) CheckAdd(subject, *stage.body[i], sink);
      for (const RunScript& script : facts.scripts[i]) {
        CheckPipes(subject, stage.index, script, sink);
        CheckCd(*stage.body[i], script, sink);
      }
    }
  }
}

void CheckSecretValues(const Subject& subject, Sink& sink) {
  for (const Instruction& instruction : subject.outline.document.instructions) {
    const auto [span, what] = FindSecret(instruction.text);
    if (span.length == 0) continue;
    if (Finding* finding =
            sink.Add("HardcodedSecret", instruction, span, fmt::format("This looks like {}", what))) {
      finding->fix =
          "revoke it, and give its successor to the step that needs it: RUN --mount=type=secret,id=NAME ...";
      finding->masked.emplace_back(instruction.text.substr(span.offset, span.length));
    }
  }
}

}  // namespace crossmill::check
