// Checks of package managers: what they leave in layers, and how they are called.
#include <algorithm>

#include "absl/strings/match.h"
#include "common/base/status.h"
#include "common/check/installers.h"
#include "common/check/subject.h"

namespace crossmill::check {
namespace {

using dockerfile::Instruction;

bool IsApt(const ShellCommand& command) {
  return command.Program() == "apt-get" || command.Program() == "apt";
}

// One step with all its commands.
struct Step {
  const Subject& subject;
  size_t stage;
  const Instruction& run;
  const std::vector<RunScript>& scripts;

  // Whether some command of the step has a word that contains `text`.
  bool Mentions(std::string_view text) const {
    for (const RunScript& script : scripts) {
      for (const ShellCommand& command : script.commands) {
        for (const ShellWord& word : command.words) {
          if (absl::StrContains(word.text, Av(text))) return true;
        }
      }
    }
    return false;
  }
  // A command `rm`, `find` or the like names a path that contains `path`.
  bool Removes(std::string_view path) const {
    for (const RunScript& script : scripts) {
      for (const ShellCommand& command : script.commands) {
        if (command.Program() != "rm" && command.Program() != "find" && command.Program() != "rmdir")
          continue;
        for (const ShellWord& word : command.words) {
          if (absl::StrContains(word.text, Av(path))) return true;
        }
      }
    }
    return false;
  }
  bool Runs(std::string_view program, std::string_view word, std::string_view other = "") const {
    for (const RunScript& script : scripts) {
      for (const ShellCommand& command : script.commands) {
        if (command.Program() == program && command.HasWord(word) &&
            (other.empty() || command.HasWord(other)))
          return true;
      }
    }
    return false;
  }
};

// The first line of the RUN if all of it stands there, for a replacement.
std::string OneLine(const Step& step) {
  if (step.run.first_line != step.run.last_line) return "";
  return std::string(step.subject.Line(step.run.first_line));
}

bool HasYes(const ShellCommand& command) {
  for (const ShellWord& word : command.words) {
    const std::string& text = word.text;
    if (text == "--yes" || text == "--assume-yes" || text == "--force-yes") return true;
    if (text.starts_with("-") && !text.starts_with("--") && text.find('=') == std::string::npos) {
      if (text.find('y') != std::string::npos || absl::StrContains(text, "qq")) return true;
    }
    if (text.starts_with("-q=") && text != "-q=1") return true;
    if (absl::StrContains(text, "APT::Get::Assume-Yes")) return true;
    // Somebody else's flags.
    if (word.expands && !text.empty() && text[0] == '$') return true;
  }
  return false;
}

bool SimulatesOnly(const ShellCommand& command) {
  return command.HasWord("-s", "--simulate", "--dry-run") ||
         command.HasWord("-d", "--download-only", "--help");
}

void CheckAptCommand(const Step& step, const RunScript& script, const ShellCommand& command, Sink& sink) {
  const std::string_view action = command.Subcommand();
  if (action != "install" && action != "upgrade" && action != "dist-upgrade" && action != "full-upgrade")
    return;
  if (SimulatesOnly(command)) return;
  if (!HasYes(command) && !command.reads_pipe &&
      !step.subject.HasEnv(step.stage, "APT_CONFIG", step.run.first_line)) {
    bool configured = false;
    for (const size_t stage : step.subject.Lineage(step.stage)) {
      for (const Instruction* other : step.subject.outline.stages[stage].body)
        configured = configured || absl::StrContains(other->text, "Assume-Yes");
    }
    if (!configured) {
      if (Finding* finding =
              sink.Add("AptInstallWithoutYes", script, command,
                       fmt::format("{} {} without -y waits for an answer", command.Program(), action))) {
        finding->fix = fmt::format("{} {} -y", command.Program(), action);
      }
    }
  }
  if (action != "install" || !step.subject.stages[step.stage].in_image) return;
  for (const ShellWord& word : command.words) {
    if (absl::StrContains(word.text, "install-recommends") ||
        absl::StrContains(word.text, "Install-Recommends") ||
        absl::StrContains(word.text, "InstallRecommends") ||
        (word.expands && !word.text.empty() && word.text[0] == '$')) {
      return;
    }
  }
  for (const size_t stage : step.subject.Lineage(step.stage)) {
    for (const Instruction* other : step.subject.outline.stages[stage].body) {
      if (absl::StrContains(other->text, "Install-Recommends")) return;
    }
  }
  if (Finding* finding = sink.Add("AptRecommendsInstalled", script, command,
                                  "apt-get install also installs recommended packages")) {
    finding->fix = fmt::format("{} install -y --no-install-recommends", command.Program());
  }
}

void CheckApt(const Step& step, Sink& sink) {
  const RunScript* where = nullptr;
  const ShellCommand* update = nullptr;
  bool installs = false;
  for (const RunScript& script : step.scripts) {
    for (const ShellCommand& command : script.commands) {
      if (!IsApt(command)) continue;
      const std::string_view action = command.Subcommand();
      if (action == "update" && update == nullptr) {
        update = &command;
        where = &script;
      }
      installs = installs || action == "install" || action == "upgrade" || action == "dist-upgrade" ||
                 action == "full-upgrade" || action == "build-dep" || action == "download" ||
                 action == "source";
      CheckAptCommand(step, script, command, sink);
    }
  }
  if (update == nullptr) return;
  const bool mounted = HasCacheMount(step.run, "/var/lib/apt") || HasCacheMount(step.run, "/var/lib,");
  const bool removed = step.Removes("/var/lib/apt") || step.Removes("/var/lib/{apt");
  // Scripts of others may install with the lists just read.
  bool others = false;
  for (const RunScript& script : step.scripts) {
    for (const ShellCommand& command : script.commands) {
      const std::string_view program = command.Program();
      others = others || program.ends_with(".sh") || program == "xargs" || program == "apt-fast" ||
               program == "aptitude" || program == "gdebi" || program == "dpkg" ||
               program == "mk-build-deps" || (!command.words.empty() && command.words[0].expands);
    }
  }
  if (!installs && !others && !mounted && !removed) {
    if (Finding* finding =
            sink.Add("AptUpdateAlone", *where, *update,
                     fmt::format("{} update without an install in the same RUN", update->Program()))) {
      finding->fix = "put update and install into one RUN: apt-get update && apt-get install -y ...";
    }
    return;
  }
  if (!step.subject.stages[step.stage].in_image || mounted || removed) return;
  if (Finding* finding = sink.Add("AptListsInLayer", *where, *update,
                                  "Package lists of apt stay in the layer of this RUN")) {
    finding->fix = "end the RUN with && rm -rf /var/lib/apt/lists/*";
    if (const std::string line = OneLine(step); !line.empty())
      finding->replacement = line + " && rm -rf /var/lib/apt/lists/*";
  }
}

// The first command that `wanted` picks.
template <typename Predicate>
std::pair<const RunScript*, const ShellCommand*> FindCommand(const Step& step, const Predicate& wanted) {
  for (const RunScript& script : step.scripts) {
    for (const ShellCommand& command : script.commands) {
      if (wanted(command)) return {&script, &command};
    }
  }
  return {nullptr, nullptr};
}

void CheckPip(const Step& step, Sink& sink) {
  const auto [script, command] = FindCommand(step, [](const ShellCommand& candidate) {
    if (!IsPipInstall(candidate)) return false;
    if (candidate.HasWord("--no-cache-dir", "--no-cache", "--dry-run") ||
        candidate.HasWord("--download-only"))
      return false;
    for (const ShellWord& word : candidate.words) {
      if (word.text.starts_with("--cache-dir") || (word.expands && word.text[0] == '$')) return false;
    }
    for (const ShellWord& word : candidate.assignments) {
      if (word.text.starts_with("PIP_NO_CACHE_DIR") || word.text.starts_with("PIP_CACHE_DIR")) return false;
    }
    return true;
  });
  if (command == nullptr || HasCacheMount(step.run) ||
      step.subject.HasEnv(step.stage, "PIP_NO_CACHE_DIR", step.run.first_line) ||
      step.subject.HasEnv(step.stage, "PIP_CACHE_DIR", step.run.first_line) || step.Removes(".cache") ||
      step.Runs("pip", "cache", "purge") || step.Runs("pip3", "cache", "purge") ||
      step.Mentions("no-cache-dir") || step.Runs("export", "PIP_NO_CACHE_DIR=1")) {
    return;
  }
  // A pip.conf that the recipe brings may say so.
  for (const size_t stage : step.subject.Lineage(step.stage)) {
    for (const Instruction* other : step.subject.outline.stages[stage].body) {
      if (absl::StrContains(other->text, "pip.conf") || absl::StrContains(other->text, "global.no-cache-dir"))
        return;
    }
  }
  // With the known environment of the base.
  const auto base = step.subject.input.bases.find(step.subject.stages[step.stage].root_image);
  if (base != step.subject.input.bases.end() && base->second.variables.contains("PIP_NO_CACHE_DIR")) return;
  if (Finding* finding =
          sink.Add("PipCacheInLayer", *script, *command, "pip's cache stays in the layer of this RUN")) {
    finding->fix = "pip install --no-cache-dir, or RUN --mount=type=cache,target=/root/.cache/pip";
    std::string line = OneLine(step);
    if (const size_t at = line.find("install "); !line.empty() && at != std::string::npos) {
      finding->replacement = line.insert(at + 8, "--no-cache-dir ");
    }
  }
}

void CheckApk(const Step& step, Sink& sink) {
  const auto [script, command] = FindCommand(step, [](const ShellCommand& candidate) {
    return candidate.Program() == "apk" && candidate.Subcommand() == "add" &&
           !candidate.HasWord("--no-cache", "--simulate", "-s");
  });
  if (command == nullptr || HasCacheMount(step.run) || step.Removes("/var/cache/apk") ||
      step.Removes("/etc/apk/cache"))
    return;
  // Without an index to read, nothing stays.
  const bool updates = step.Runs("apk", "update") || command->HasWord("-U", "--update", "--update-cache");
  if (!updates) return;
  if (Finding* finding =
          sink.Add("ApkCacheInLayer", *script, *command, "apk's index stays in the layer of this RUN")) {
    finding->fix = "apk add --no-cache, without apk update";
  }
}

void CheckNpm(const Step& step, Sink& sink) {
  const auto [script, command] = FindCommand(step, [](const ShellCommand& candidate) {
    const std::string_view action = candidate.Subcommand();
    if (candidate.Program() != "npm" || (action != "ci" && action != "install" && action != "i"))
      return false;
    for (const ShellWord& word : candidate.words) {
      if (word.text.starts_with("--cache") || (word.expands && word.text[0] == '$')) return false;
    }
    return true;
  });
  if (command == nullptr || HasCacheMount(step.run) || step.Runs("npm", "cache") || step.Removes(".npm") ||
      step.subject.HasEnv(step.stage, "npm_config_cache", step.run.first_line) ||
      step.subject.HasEnv(step.stage, "NPM_CONFIG_CACHE", step.run.first_line)) {
    return;
  }
  if (Finding* finding =
          sink.Add("NpmCacheInLayer", *script, *command, "npm's cache stays in the layer of this RUN")) {
    finding->fix =
        fmt::format("RUN --mount=type=cache,target=/root/.npm npm {}, or add && npm cache clean --force",
                    command->Subcommand());
  }
}

void CheckDnf(const Step& step, Sink& sink) {
  const auto [script, command] = FindCommand(step, [](const ShellCommand& candidate) {
    const std::string_view program = candidate.Program();
    const std::string_view action = candidate.Subcommand();
    return (program == "dnf" || program == "yum" || program == "microdnf") &&
           (action == "install" || action == "update" || action == "upgrade" || action == "groupinstall");
  });
  if (command == nullptr || HasCacheMount(step.run, "/var/cache")) return;
  for (const char* program : {"dnf", "yum", "microdnf"}) {
    if (step.Runs(program, "clean")) return;
  }
  if (step.Removes("/var/cache")) return;
  if (Finding* finding =
          sink.Add("DnfCacheInLayer", *script, *command,
                   fmt::format("The cache of {} stays in the layer of this RUN", command->Program()))) {
    finding->fix = fmt::format("end the RUN with && {} clean all", command->Program());
    if (const std::string line = OneLine(step); !line.empty())
      finding->replacement = fmt::format("{} && {} clean all", line, command->Program());
  }
}

}  // namespace

void CheckPackages(const Subject& subject, Sink& sink) {
  for (const dockerfile::Stage& stage : subject.outline.stages) {
    const StageFacts& facts = subject.stages[stage.index];
    if (!facts.reached) continue;
    for (size_t i = 0; i < stage.body.size(); ++i) {
      if (facts.scripts[i].empty()) continue;
      const Step step{subject, stage.index, *stage.body[i], facts.scripts[i]};
      CheckApt(step, sink);
      // Layers of other stages are left behind.
      if (!facts.in_image) continue;
      CheckPip(step, sink);
      CheckApk(step, sink);
      CheckNpm(step, sink);
      CheckDnf(step, sink);
    }
  }
}

}  // namespace crossmill::check
