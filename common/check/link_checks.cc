// COPY --link and ADD --link onto folders that exist: the new layer holds those folders anew, as an empty
// root would have them.
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/check/subject.h"
#include "common/pattern/path_pattern.h"

namespace crossmill::check {
namespace {

using dockerfile::Instruction;
using dockerfile::Keyword;

constexpr std::string_view kUsualMode = "0755";

// "0700" for 700 and 0700; nullopt for what is no octal mode.
std::optional<std::string> OctalMode(std::string_view text) {
  if (text.empty() || text.size() > 5 || text.find_first_not_of("01234567") != std::string_view::npos) {
    return std::nullopt;
  }
  while (text.size() > 1 && text.starts_with('0')) text.remove_prefix(1);
  return fmt::format("{:0>4}", text);
}

// The folders of a stage that have another mode than new ones, as far as its Dockerfile and custom tell:
// walked through in the order of the instructions.
class FolderModes {
 public:
  explicit FolderModes(std::string_view root_image) {
    if (root_image == "scratch") return;
    // Every distribution's.
    modes_ = {{"/tmp", "1777"}, {"/var/tmp", "1777"}, {"/root", "0700"}};
  }

  void Apply(const std::vector<RunScript>& scripts) {
    for (const RunScript& script : scripts) {
      for (const ShellCommand& command : script.commands) Apply(command);
    }
  }
  void Set(const std::string& folder, const std::string& mode) {
    modes_.erase(folder);
    if (mode != kUsualMode) modes_[folder] = mode;
  }
  // Null: the usual one, or there is no such folder.
  const std::string* Find(const std::string& folder) const {
    const auto found = modes_.find(folder);
    return found == modes_.end() ? nullptr : &found->second;
  }

 private:
  void Apply(const ShellCommand& command) {
    const std::string_view program = command.Program();
    const bool makes = program == "mkdir" || (program == "install" && command.HasWord("-d", "--directory"));
    if (!makes && program != "chmod") return;
    std::string mode;
    size_t first = 1;
    for (; first < command.words.size(); ++first) {
      const std::string& word = command.words[first].text;
      if (makes && word == "-m" && first + 1 < command.words.size()) {
        mode = command.words[++first].text;
      } else if (makes && word.starts_with("--mode=")) {
        mode = word.substr(7);
      } else if (program == "chmod" && mode.empty() && !word.starts_with("-")) {
        mode = word;
      } else if (!word.starts_with('-')) {
        break;
      }
    }
    if (mode.empty()) return;
    for (size_t i = first; i < command.words.size(); ++i) {
      const ShellWord& path = command.words[i];
      if (path.expands || !path.text.starts_with('/')) continue;
      // A symbolic mode stands for itself: it changes something.
      Set(pattern::CleanAbsolute(path.text), OctalMode(mode).value_or(mode));
    }
  }

  std::map<std::string, std::string> modes_;
};

class LinkCheck {
 public:
  LinkCheck(const Subject& subject, Sink& sink) : subject_(subject), sink_(sink) {}

  void Check(size_t stage) {
    FolderModes modes(subject_.stages[stage].root_image);
    std::string folder = "/";
    const std::vector<size_t> lineage = subject_.Lineage(stage);
    for (auto index = lineage.rbegin(); index != lineage.rend(); ++index) {
      const dockerfile::Stage& part = subject_.outline.stages[*index];
      for (size_t i = 0; i < part.body.size(); ++i) {
        const Instruction& instruction = *part.body[i];
        modes.Apply(subject_.stages[*index].scripts[i]);
        if (instruction.keyword() == Keyword::kWorkdir) Enter(instruction.words[0].text, folder);
        if (instruction.FindFlag("link") != nullptr) CheckCopy(instruction, folder, *index == stage, modes);
      }
    }
  }

 private:
  static void Enter(const std::string& written, std::string& folder) {
    folder = pattern::CleanAbsolute(written.starts_with('/') ? written : folder + "/" + written);
  }

  void CheckCopy(const Instruction& instruction, const std::string& folder, bool report, FolderModes& modes) {
    const dockerfile::Flag* link = instruction.FindFlag("link");
    if (!link->enabled || instruction.words.size() < 2) return;
    const dockerfile::Word& written = instruction.words.back();
    if (written.text.find('$') != std::string::npos) return;
    std::string made(kUsualMode);
    if (const dockerfile::Flag* mode = instruction.FindFlag("chmod"); mode != nullptr) {
      made = OctalMode(mode->value).value_or(made);
    }
    std::string path = folder;
    Enter(written.text, path);
    // The destination itself, if it is a folder, and all folders that it lies in.
    for (; path != "/"; path = pattern::CleanAbsolute(path + "/..")) {
      const std::string* mode = modes.Find(path);
      if (mode == nullptr || *mode == made) continue;
      if (report) Report(instruction, written, path, *mode, made);
      modes.Set(path, made);
    }
  }

  void Report(const Instruction& instruction, const dockerfile::Word& written, const std::string& path,
              const std::string& mode, const std::string& made) {
    const std::string_view name = instruction.syntax->name;
    const Span span = instruction.json ? Span{} : Span{written.offset, written.text.size()};
    if (Finding* finding =
            sink_.Add("LinkedCopyResetsFolder", instruction, span,
                      fmt::format("{} --link gives {} the mode {} and the owner of what is copied; it had {}",
                                  name, path, made, mode))) {
      finding->fix = fmt::format("leave --link out, or copy to a folder that nothing else made");
    }
  }

  const Subject& subject_;
  Sink& sink_;
};

}  // namespace

void CheckLinks(const Subject& subject, Sink& sink) {
  for (const dockerfile::Stage& stage : subject.outline.stages) {
    if (subject.stages[stage.index].reached) LinkCheck(subject, sink).Check(stage.index);
  }
}

}  // namespace crossmill::check
