// What the readers of all installers share.
#include "common/predict/commands/installer_call.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/base/utf8.h"

namespace crossmill::predict {

absl::StatusOr<std::string> InstallerCall::Setting(std::string_view name) const {
  const auto found = environment.find(name);
  if (found == environment.end()) return "";
  if (!found->second.has_value())
    return absl::InvalidArgumentError(fmt::format("the value of ${} is not known", name));
  return *found->second;
}

absl::StatusOr<bool> InstallerCall::Flag(std::string_view name) const {
  ASSIGN_OR_RETURN(const std::string value, Setting(name));
  const std::string lower = absl::AsciiStrToLower(value);
  static constexpr std::array<std::string_view, 6> kYes = {"1", "true", "yes", "on", "y", "t"};
  return std::find(kYes.begin(), kYes.end(), lower) != kYes.end();
}

absl::StatusOr<std::vector<std::string>> InstallerCall::Words(std::string_view name) const {
  ASSIGN_OR_RETURN(const std::string value, Setting(name));
  return std::vector<std::string>(absl::StrSplit(value, absl::ByAnyChar(" \t\n"), absl::SkipEmpty()));
}

size_t SubcommandPlace(absl::Span<const ShellWord> words, absl::Span<const OptionSyntax> table) {
  for (size_t at = 0; at < words.size(); ++at) {
    const std::string& word = words[at].text;
    if (word.empty() || word[0] != '-') return at;
    for (const OptionSyntax& option : table) {
      for (const absl::string_view spelling : absl::StrSplit(Av(option.spellings), ' ')) {
        if (option.has_value && Sv(spelling) == word) ++at;
      }
    }
  }
  return words.size();
}

absl::Status AddRequirement(std::string_view argument, bool editable, Install& install) {
  RootRequirement root;
  if (editable) {
    root.editable = true;
    root.location = std::string(argument);
    const size_t bracket = argument.ends_with(']') ? argument.rfind('[') : argument.npos;
    if (bracket != argument.npos && argument.find("://") == argument.npos) {
      root.location = std::string(argument.substr(0, bracket));
      root.extras = absl::StrSplit(Av(argument.substr(bracket + 1, argument.size() - bracket - 2)), ',');
    }
    install.requirements.push_back(std::move(root));
    return absl::OkStatus();
  }
  if (argument.find_first_of("\n\r#") != argument.npos && argument.find("#egg=") == argument.npos &&
      argument.find("#sha256=") == argument.npos && argument.find("#subdirectory=") == argument.npos)
    return absl::InvalidArgumentError(
        fmt::format("'{}' is no requirement", Printable(argument.substr(0, 200))));
  const auto read = python::ParseRequirementsFile(argument, "the command line");
  if (!read.ok() || read->requirements.size() != 1) {
    return absl::InvalidArgumentError(
        fmt::format("'{}' is no requirement{}", Printable(argument.substr(0, 200)),
                    read.ok() ? "" : fmt::format(": {}", Sv(read.status().message()))));
  }
  const python::RequirementLine& line = read->requirements[0];
  root.requirement = line.requirement;
  root.location = line.location;
  root.extras = line.extras;
  root.marker = line.marker;
  root.hashes = line.hashes;
  install.requirements.push_back(std::move(root));
  return absl::OkStatus();
}

void AddFile(InstallFile::Kind kind, const std::string& path, const InstallerCall& call, Install& install) {
  InstallFile file;
  file.kind = kind;
  file.path = path;
  if (path == "-" || path == "/dev/stdin" || path == "/dev/fd/0") {
    file.content = call.input;
  } else if (call.pipes != nullptr) {
    if (const auto found = call.pipes->find(path); found != call.pipes->end()) file.content = found->second;
  }
  install.files.push_back(std::move(file));
}

}  // namespace crossmill::predict
