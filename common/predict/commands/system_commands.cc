#include "common/predict/commands/system_commands.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "common/predict/commands/shell_script.h"

namespace crossmill::predict {
namespace {

// Whatever their words, but for those that would have them work in another root.
constexpr std::array<std::string_view, 15> kPrograms = {
    "apt-get", "apt",      "apt-cache", "apk",     "dnf",      "yum",  "microdnf", "useradd",
    "adduser", "groupadd", "addgroup",  "usermod", "groupmod", "true", "echo"};
// What they are told to remove or make has to be in these folders.
constexpr std::array<std::string_view, 3> kOnPaths = {"rm", "mkdir", "rmdir"};
constexpr std::array<std::string_view, 4> kFolders = {"/var/", "/tmp/", "/root/.cache/", "/usr/share/"};
constexpr std::array<std::string_view, 4> kOtherRoots = {"--root", "--installroot", "-p", "--prefix"};

template <size_t N>
bool IsAmong(std::string_view word, const std::array<std::string_view, N>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool IsSystemPath(std::string_view path) {
  return path.find("..") == path.npos &&
         std::any_of(kFolders.begin(), kFolders.end(),
                     [&](std::string_view folder) { return path.starts_with(folder); });
}

bool IsSystemCommand(const ShellCommand& command) {
  for (const std::string& file : command.redirections) {
    if (!file.ends_with("/dev/null")) return false;
  }
  if (command.words.empty() || command.input.has_value()) return false;
  for (const ShellWord& word : command.words) {
    if (!word.unknown.empty()) return false;
  }
  const std::string_view name = command.words[0].text;
  if (IsAmong(name, kOnPaths)) {
    for (size_t i = 1; i < command.words.size(); ++i) {
      const std::string& word = command.words[i].text;
      if (!word.starts_with('-') && !IsSystemPath(word)) return false;
    }
    return true;
  }
  if (!IsAmong(name, kPrograms)) return false;
  return std::none_of(command.words.begin() + 1, command.words.end(), [](const ShellWord& word) {
    // apt's own way to name one: -o Dir=..., -o RootDir=...
    if (word.text.find("Dir") != std::string::npos) return true;
    return std::any_of(kOtherRoots.begin(), kOtherRoots.end(), [&](std::string_view other) {
      return word.text == other || word.text.starts_with(std::string(other) + "=");
    });
  });
}

// What the walk over the text does not show of the shell's own commands: files that they write, and commands
// that stand in their words.
bool HidesSomething(std::string_view text) {
  if (text.find("$(") != text.npos || text.find('`') != text.npos || text.find("trap") != text.npos)
    return true;
  for (size_t at = text.find('>'); at != text.npos; at = text.find('>', at + 1)) {
    const std::string_view rest = text.substr(at + 1);
    const size_t target = rest.find_first_not_of(">|& ");
    if (target == rest.npos) return true;
    const bool descriptor = rest[0] == '&' && rest[target] >= '0' && rest[target] <= '9';
    if (!descriptor && !rest.substr(target).starts_with("/dev/null")) return true;
  }
  return false;
}

}  // namespace

bool ChangesOnlyTheSystem(const v1::Run& run) {
  if (run.argv_size() == 0) return false;
  ShellState state;
  for (const std::string& setting : run.env()) {
    const size_t equals = setting.find('=');
    const std::string name = setting.substr(0, equals);
    state.variables[name] = equals == std::string::npos ? "" : setting.substr(equals + 1);
    state.exported.insert(name);
  }
  bool only_system = true;
  if (run.argv_size() == 3 && run.argv(1) == "-c") {
    ShellScript script([&](const ShellCommand& command, ShellState&) {
      only_system = only_system && IsSystemCommand(command);
      return absl::OkStatus();
    });
    return !HidesSomething(run.argv(2)) && script.Walk(run.argv(2), state).ok() && only_system;
  }
  ShellCommand command;
  for (const std::string& word : run.argv()) command.words.emplace_back().text = word;
  return IsSystemCommand(command);
}

}  // namespace crossmill::predict
