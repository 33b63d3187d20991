// poetry install and pdm install: projects with a lock file.
#include <array>

#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/predict/commands/installer_call.h"

namespace crossmill::predict {
namespace {

constexpr std::array<OptionSyntax, 17> kPoetryOptions = {{
    {"no-root", "--no-root", false},
    {"only", "--only", true},
    {"without", "--without", true},
    {"with", "--with", true},
    {"no-dev", "--no-dev", false},
    {"only-root", "--only-root", false},
    {"extras", "--extras -E", true},
    {"all-extras", "--all-extras", false},
    {"all-groups", "--all-groups", false},
    {"sync", "--sync --remove-untracked", false},
    {"dry-run", "--dry-run", false},
    {"directory", "--directory -C --project -P", true},
    {"no-directory", "--no-directory", false},
    {"-", "--no-interaction -n --no-ansi --ansi --quiet -q --no-cache --no-plugins --compile", false},
    {"-", "--verbose -v -vv -vvv --version -V", false},
    {"-", "--no-update", false},
    {"help", "--help -h", false},
}};

constexpr std::array<OptionSyntax, 14> kPdmOptions = {{
    {"group", "--group -G --with", true},
    {"without", "--without", true},
    {"prod", "--prod --production", false},
    {"dev", "--dev -d", false},
    {"no-default", "--no-default", false},
    {"no-self", "--no-self", false},
    {"project", "--project -p", true},
    {"lockfile", "--lockfile -L", true},
    {"dry-run", "--dry-run", false},
    {"venv", "--venv", true},
    {"-", "--skip -k --override --config -c --config-setting -C", true},
    {"-",
     "--no-lock --frozen-lockfile --check --no-editable --no-isolation --fail-fast -x --clean --reinstall",
     false},
    {"-",
     "--verbose -v --quiet -q --non-interactive -n --ignore-python -I --no-clean --only-keep "
     "--clean-unselected",
     false},
    {"help", "--help -h", false},
}};

// Lists between commas or blanks, of each time the option is given.
std::vector<std::string> ListOption(const OptionWords& words, std::string_view name) {
  std::vector<std::string> list;
  for (const std::string& value : words.All(name)) {
    for (const absl::string_view one : absl::StrSplit(value, absl::ByAnyChar(", "), absl::SkipEmpty()))
      list.emplace_back(one);
  }
  return list;
}

struct ProjectCommand {
  std::string name;
  std::vector<ShellWord> rest;
};

absl::StatusOr<ProjectCommand> TakeCommand(const InstallerCall& call, absl::Span<const OptionSyntax> table) {
  ProjectCommand command;
  const size_t at = SubcommandPlace(call.words, table);
  if (at == call.words.size()) return command;
  if (!call.words[at].unknown.empty()) return absl::InvalidArgumentError(call.words[at].unknown);
  command.name = call.words[at].text;
  command.rest.assign(call.words.begin(), call.words.end());
  command.rest.erase(command.rest.begin() + static_cast<std::ptrdiff_t>(at));
  return command;
}

absl::Status TakeFolder(const std::optional<std::string>& folder, Install& install) {
  if (!folder.has_value()) return absl::OkStatus();
  if (!folder->starts_with('/') && install.folder.empty())
    return absl::InvalidArgumentError("the folder is not known");
  install.folder = folder->starts_with('/') ? *folder : install.folder + "/" + *folder;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<bool> ReadPoetryCall(const InstallerCall& call, Install& install) {
  ASSIGN_OR_RETURN(const ProjectCommand command, TakeCommand(call, kPoetryOptions));
  if (command.name == "add" || command.name == "update" || command.name == "self" || command.name == "run")
    return absl::InvalidArgumentError(fmt::format("poetry {} is not understood here", command.name));
  if (command.name != "install" && command.name != "sync") return false;
  ASSIGN_OR_RETURN(const OptionWords words, ReadOptionWords(command.rest, kPoetryOptions, false));
  if (words.Has("help") || words.Has("dry-run")) return false;
  if (!words.arguments.empty()) return absl::InvalidArgumentError("poetry install takes no arguments");
  install.tool = Install::Tool::kPoetry;
  install.action =
      words.Has("sync") || command.name == "sync" ? Install::Action::kSync : Install::Action::kInstall;
  install.extras = ListOption(words, "extras");
  install.all_extras = words.Has("all-extras");
  install.groups = ListOption(words, words.Has("only") ? "only" : "with");
  install.only_groups = words.Has("only") || words.Has("only-root");
  install.without_groups = ListOption(words, "without");
  install.without_dev = words.Has("no-dev");
  install.all_groups = words.Has("all-groups");
  install.without_project = words.Has("no-root") || words.Has("only");
  RETURN_IF_ERROR(TakeFolder(words.Last("directory"), install));
  ASSIGN_OR_RETURN(install.virtual_environment, call.Setting("VIRTUAL_ENV"));
  ASSIGN_OR_RETURN(const std::string create, call.Setting("POETRY_VIRTUALENVS_CREATE"));
  ASSIGN_OR_RETURN(const bool creates, call.Flag("POETRY_VIRTUALENVS_CREATE"));
  install.system = !create.empty() && !creates;
  if (!install.system && install.virtual_environment.empty()) {
    install.notes.emplace_back(
        "Poetry installs into an environment of its own unless its settings say otherwise, which are not "
        "looked at.");
  }
  return true;
}

absl::StatusOr<bool> ReadPdmCall(const InstallerCall& call, Install& install) {
  ASSIGN_OR_RETURN(const ProjectCommand command, TakeCommand(call, kPdmOptions));
  if (command.name == "add" || command.name == "update" || command.name == "run" || command.name == "self")
    return absl::InvalidArgumentError(fmt::format("pdm {} is not understood here", command.name));
  if (command.name != "install" && command.name != "sync") return false;
  ASSIGN_OR_RETURN(const OptionWords words, ReadOptionWords(command.rest, kPdmOptions, false));
  if (words.Has("help") || words.Has("dry-run")) return false;
  if (!words.arguments.empty()) return absl::InvalidArgumentError("pdm install takes no arguments");
  if (words.Has("lockfile") || words.Has("venv"))
    return absl::InvalidArgumentError("pdm's options --lockfile and --venv are not understood here");
  install.tool = Install::Tool::kPdm;
  install.action = command.name == "sync" ? Install::Action::kSync : Install::Action::kInstall;
  for (const std::string& group : ListOption(words, "group")) {
    if (group == ":all") {
      install.all_groups = true;
    } else {
      // Of pdm an extra is a group.
      install.groups.push_back(group);
      install.extras.push_back(group);
    }
  }
  install.without_groups = ListOption(words, "without");
  install.without_dev = words.Has("prod");
  install.only_groups = words.Has("no-default");
  install.without_project = words.Has("no-self") || words.Has("no-default");
  RETURN_IF_ERROR(TakeFolder(words.Last("project"), install));
  ASSIGN_OR_RETURN(install.virtual_environment, call.Setting("VIRTUAL_ENV"));
  ASSIGN_OR_RETURN(install.system, call.Flag("PDM_USE_SYSTEM"));
  return true;
}

}  // namespace crossmill::predict
