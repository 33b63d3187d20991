// Sources copied before dependencies are installed, with what it cost in past builds.
#include <algorithm>

#include "absl/strings/match.h"
#include "common/base/status.h"
#include "common/check/installers.h"
#include "common/check/subject.h"

namespace crossmill::check {
namespace {

using dockerfile::Instruction;
using dockerfile::Keyword;

std::string CleanPath(std::string_view path) {
  while (path.starts_with("./")) path.remove_prefix(2);
  while (path.starts_with('/')) path.remove_prefix(1);
  while (path.ends_with('/') || path.ends_with("/.")) path.remove_suffix(path.ends_with("/.") ? 2 : 1);
  return path == "." ? "" : std::string(path);
}

// Whether the instruction copies whole folders of the context, manifests among them.
bool CopiesSources(const Subject& subject, const Instruction& instruction, const DependencyInstall& install) {
  if (instruction.keyword() != Keyword::kCopy && instruction.keyword() != Keyword::kAdd) return false;
  if (instruction.FindFlag("from") != nullptr) return false;
  for (size_t i = 0; i + 1 < instruction.words.size(); ++i) {
    const std::string& source = instruction.words[i].text;
    if (source.find('$') != std::string::npos || absl::StrContains(source, "://") || source.starts_with("<<"))
      continue;
    const std::string folder = CleanPath(source);
    if (folder.empty() || folder == "*") return true;
    if (subject.input.context == nullptr) continue;
    for (const std::string& manifest : install.manifests) {
      const std::string path = CleanPath(manifest);
      if (subject.input.context->HasManifest(folder + "/" + path)) return true;
    }
  }
  return false;
}

// A COPY of single files with the manifest among them.
bool CopiesManifest(const Instruction& instruction, const DependencyInstall& install) {
  if (instruction.keyword() != Keyword::kCopy && instruction.keyword() != Keyword::kAdd) return false;
  for (size_t i = 0; i + 1 < instruction.words.size(); ++i) {
    const std::string& source = instruction.words[i].text;
    for (const std::string& manifest : install.manifests) {
      const size_t slash = manifest.rfind('/');
      const std::string name = slash == std::string::npos ? manifest : manifest.substr(slash + 1);
      if (source == name || source.ends_with("/" + name)) return true;
      // package*.json, requirements*.txt, *.toml
      const size_t star = source.find('*');
      if (star == std::string::npos) continue;
      const size_t begin = source.rfind('/', star);
      const std::string pattern = begin == std::string::npos ? source : source.substr(begin + 1);
      const size_t at = pattern.find('*');
      if (pattern.size() > 1 && name.starts_with(pattern.substr(0, at)) &&
          name.ends_with(pattern.substr(at + 1)))
        return true;
    }
  }
  return false;
}

std::string Suggestion(const Subject& subject, const Instruction& copy, const Instruction& run,
                       const DependencyInstall& install) {
  if (copy.first_line != copy.last_line || run.first_line != run.last_line) return "";
  const std::string sources(subject.Line(copy.first_line));
  const std::string command(subject.Line(run.first_line));
  if (!install.mount.empty() && install.copy.empty()) {
    return fmt::format("{}\nRUN --mount=type=cache,{} {}", sources, install.mount, run.arguments());
  }
  // Where the sources go, the manifests go too.
  std::string manifests = install.copy;
  if (const std::string& to = copy.words.back().text; to != "." && to != "./")
    manifests =
        fmt::format("{} {}{}", manifests.substr(0, manifests.rfind(' ')), to, to.ends_with('/') ? "" : "/");
  if (install.command.empty()) return fmt::format("COPY {}\n{}\n{}", manifests, command, sources);
  return fmt::format("COPY {}\nRUN {}\n{}\n{}", manifests, install.command, sources, command);
}

void CheckStage(const Subject& subject, const dockerfile::Stage& stage, Sink& sink) {
  const StageFacts& facts = subject.stages[stage.index];
  std::vector<const Instruction*> copies;
  // Tools whose dependencies an earlier step (of a stage below, too) has installed.
  std::set<std::string_view> done;
  for (const size_t below : subject.Lineage(stage.index)) {
    if (below == stage.index) continue;
    for (const auto& scripts : subject.stages[below].scripts) {
      for (const RunScript& script : scripts) {
        for (const ShellCommand& command : script.commands) {
          if (const auto install = FindDependencyInstall(command); !install.tool.empty())
            done.insert(install.tool);
        }
      }
    }
  }
  for (size_t i = 0; i < stage.body.size(); ++i) {
    const Instruction& instruction = *stage.body[i];
    if (instruction.keyword() == Keyword::kCopy || instruction.keyword() == Keyword::kAdd)
      copies.push_back(&instruction);
    for (const RunScript& script : facts.scripts[i]) {
      for (const ShellCommand& command : script.commands) {
        const DependencyInstall install = FindDependencyInstall(command);
        if (install.tool.empty() || !done.insert(install.tool).second) continue;
        const auto sources = std::find_if(copies.begin(), copies.end(), [&](const Instruction* copy) {
          return CopiesSources(subject, *copy, install);
        });
        // A cache mount keeps what was downloaded.
        if (sources == copies.end() || HasCacheMount(instruction)) continue;
        // Manifests came before, so something is done about it already.
        if (std::any_of(copies.begin(), sources,
                        [&](const Instruction* copy) { return CopiesManifest(*copy, install); }))
          continue;
        Finding* finding =
            sink.Add("SourcesBeforeDependencies", **sources, {},
                     fmt::format("Sources are copied before {} installs dependencies in line {}",
                                 install.tool, instruction.first_line));
        if (finding == nullptr) continue;
        if (subject.input.history != nullptr) {
          const History::Cost cost = subject.input.history->Of(stage.Label(), instruction.text);
          const int builds = subject.input.history->Builds(stage.Label(), instruction.text);
          if (cost.runs > 0 && cost.seconds > 0) {
            finding->why = fmt::format("{}; in the last {} {} of it that step ran {} {} and took {}",
                                       finding->why, builds, builds == 1 ? "build" : "builds", cost.runs,
                                       cost.runs == 1 ? "time" : "times", SecondsText(cost.seconds));
          }
        }
        finding->fix =
            install.copy.empty()
                ? fmt::format("keep downloads in a cache: RUN --mount=type=cache,{} ...", install.mount)
                : fmt::format("copy {} first, install, then copy the rest",
                              install.copy.substr(0, install.copy.rfind(' ')));
        finding->replacement = Suggestion(subject, **sources, instruction, install);
      }
    }
  }
}

}  // namespace

void CheckOrder(const Subject& subject, Sink& sink) {
  for (const dockerfile::Stage& stage : subject.outline.stages) {
    if (subject.stages[stage.index].reached) CheckStage(subject, stage, sink);
  }
}

}  // namespace crossmill::check
