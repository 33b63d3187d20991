// PATH and first lines of scripts.
#include "common/predict/image/image_programs.h"

#include <algorithm>

#include "absl/strings/str_split.h"
#include "common/base/paths.h"
#include "common/base/status.h"
#include "common/base/text.h"

namespace crossmill::predict {
namespace {

constexpr size_t kMostPathFolders = 100;
constexpr size_t kScriptHead = 1024;

std::vector<std::string> BlankWords(std::string_view line) {
  return absl::StrSplit(Av(line), absl::ByAnyChar(" \t\r"), absl::SkipEmpty());
}

// Line 2 of what pip writes if the path is too long for a first line: '''exec' "/path" "$0" "$@"
std::string ExecLine(std::string_view text) {
  const size_t begin = text.find('\n');
  if (begin == text.npos) return "";
  std::string_view line = text.substr(begin + 1, text.find('\n', begin + 1) - begin - 1);
  constexpr std::string_view kExec = "'''exec' ";
  if (!line.starts_with(kExec)) return "";
  line.remove_prefix(kExec.size());
  if (line.starts_with('"')) return std::string(line.substr(1, line.find('"', 1) - 1));
  return std::string(line.substr(0, line.find(' ')));
}

}  // namespace

std::vector<std::string> PathFolders(std::string_view path_variable) {
  std::vector<std::string> folders;
  for (const absl::string_view folder : absl::StrSplit(Av(path_variable), ':', absl::SkipEmpty())) {
    const bool known = std::find(folders.begin(), folders.end(), std::string(folder)) != folders.end();
    if (Sv(folder).starts_with("/") && !known && folders.size() < kMostPathFolders)
      folders.emplace_back(folder);
  }
  return folders;
}

std::optional<std::string> FindProgram(const RootPaths& root, std::string_view path_variable,
                                       std::string_view name) {
  if (name.empty()) return std::nullopt;
  if (name.find('/') != name.npos) return root.IsFile(name) ? std::optional<std::string>(name) : std::nullopt;
  for (const std::string& folder : PathFolders(path_variable)) {
    std::string path = PathIn(folder, name);
    if (root.IsFile(path)) return path;
  }
  return std::nullopt;
}

std::optional<std::string> InterpreterOfScript(const RootPaths& root, std::string_view path_variable,
                                               std::string_view script) {
  const auto head = root.ReadHead(script, kScriptHead);
  if (!head.ok() || !head->starts_with("#!")) return std::nullopt;
  const std::vector<std::string> words = BlankWords(std::string_view(*head).substr(2, head->find('\n') - 2));
  if (words.empty()) return std::nullopt;
  if (LastName(words[0]) == "env") {
    // env -S splits, and options and settings stand before the program.
    const auto program = std::find_if(words.begin() + 1, words.end(), [](const std::string& word) {
      return !word.starts_with('-') && word.find('=') == word.npos;
    });
    return program == words.end() ? std::nullopt : FindProgram(root, path_variable, *program);
  }
  if (LastName(words[0]) == "sh") {
    std::string path = ExecLine(*head);
    return path.empty() ? std::nullopt : std::optional<std::string>(std::move(path));
  }
  return words[0];
}

}  // namespace crossmill::predict
