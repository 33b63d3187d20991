// uv pip install, uv pip sync, uv sync, uv venv, and UV_*.
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/predict/commands/installer_call.h"

namespace crossmill::predict {
namespace {

constexpr std::array<OptionSyntax, 61> kUvOptions = {{
    {"requirements", "--requirements --requirement -r", true},
    {"editable", "--editable -e", true},
    {"constraints", "--constraints --constraint -c", true},
    {"overrides", "--overrides --override", true},
    {"excludes", "--excludes --exclude", true},
    {"build-constraints", "--build-constraints --build-constraint -b", true},
    {"extra", "--extra", true},
    {"all-extras", "--all-extras", false},
    {"no-extra", "--no-extra", true},
    {"group", "--group", true},
    {"no-group", "--no-group", true},
    {"only-group", "--only-group", true},
    {"all-groups", "--all-groups", false},
    {"no-default-groups", "--no-default-groups", false},
    {"no-dev", "--no-dev --production", false},
    {"only-dev", "--only-dev", false},
    {"dev", "--dev", false},
    {"no-deps", "--no-deps", false},
    {"require-hashes", "--require-hashes", false},
    {"system", "--system", false},
    {"break-system-packages", "--break-system-packages", false},
    {"target", "--target -t", true},
    {"prefix", "--prefix", true},
    {"no-build", "--no-build", false},
    {"python-version", "--python-version", true},
    {"python-platform", "--python-platform", true},
    {"dry-run", "--dry-run --check", false},
    {"index", "--index", true},
    {"default-index", "--default-index", true},
    {"index-url", "--index-url -i", true},
    {"extra-index-url", "--extra-index-url", true},
    {"find-links", "--find-links -f", true},
    {"no-index", "--no-index", false},
    {"index-strategy", "--index-strategy", true},
    {"upgrade", "--upgrade -U", false},
    {"upgrade-package", "--upgrade-package -P", true},
    {"resolution", "--resolution", true},
    {"prerelease", "--prerelease", true},
    {"pre", "--pre", false},
    {"exclude-newer", "--exclude-newer", true},
    {"reinstall", "--reinstall --force-reinstall", false},
    {"-", "--reinstall-package", true},
    {"no-build-isolation", "--no-build-isolation", false},
    {"-", "--no-build-isolation-package --config-setting --config-settings -C --config-settings-package",
     true},
    {"-",
     "--link-mode --keyring-provider --refresh-package --color --allow-insecure-host --cache-dir "
     "--config-file",
     true},
    {"-", "--output-format --fork-strategy --cert --no-editable-package --torch-backend", true},
    {"python", "--python -p", true},
    {"directory", "--directory", true},
    {"project", "--project", true},
    {"no-install-project", "--no-install-project --no-install-workspace --no-install-local", false},
    {"no-install-package", "--no-install-package", true},
    {"package", "--package", true},
    {"all-packages", "--all-packages", false},
    {"script", "--script", true},
    {"locked", "--locked --frozen", false},
    {"active", "--active", false},
    {"-",
     "--inexact --exact --strict --no-sources --no-editable --allow-empty-requirements --no-verify-hashes",
     false},
    {"-",
     "--compile-bytecode --compile --no-compile-bytecode --no-cache --no-cache-dir -n --refresh --quiet -q",
     false},
    {"-",
     "--verbose -v --no-progress --native-tls --system-certs --managed-python --no-managed-python --offline",
     false},
    {"-",
     "--no-python-downloads --no-config --user --no-break-system-packages --no-system --require-build-hashes",
     false},
    {"help", "--help -h", false},
}};

// In `uv pip` these name packages; elsewhere they stand alone.
constexpr OptionSyntax kPipNoBinary = {"no-binary", "--no-binary", true};
constexpr OptionSyntax kPipOnlyBinary = {"only-binary", "--only-binary", true};
constexpr OptionSyntax kAllNoBinary = {"no-binary-all", "--no-binary", false};
constexpr OptionSyntax kNoBinaryPackage = {"no-binary", "--no-binary-package", true};
constexpr OptionSyntax kNoBuildPackage = {"only-binary", "--no-build-package", true};

struct UvSetting {
  std::string_view variable;
  std::string_view option;
  enum class Form { kText, kWords, kFlag, kCommas } form = Form::kText;
};

constexpr std::array<UvSetting, 21> kUvSettings = {{
    {"UV_DEFAULT_INDEX", "default-index", UvSetting::Form::kText},
    {"UV_INDEX_URL", "index-url", UvSetting::Form::kText},
    {"UV_INDEX", "index", UvSetting::Form::kWords},
    {"UV_EXTRA_INDEX_URL", "extra-index-url", UvSetting::Form::kWords},
    {"UV_FIND_LINKS", "find-links", UvSetting::Form::kCommas},
    {"UV_NO_INDEX", "no-index", UvSetting::Form::kFlag},
    {"UV_CONSTRAINT", "constraints", UvSetting::Form::kWords},
    {"UV_OVERRIDE", "overrides", UvSetting::Form::kWords},
    {"UV_BUILD_CONSTRAINT", "build-constraints", UvSetting::Form::kWords},
    {"UV_RESOLUTION", "resolution", UvSetting::Form::kText},
    {"UV_PRERELEASE", "prerelease", UvSetting::Form::kText},
    {"UV_EXCLUDE_NEWER", "exclude-newer", UvSetting::Form::kText},
    {"UV_INDEX_STRATEGY", "index-strategy", UvSetting::Form::kText},
    {"UV_REQUIRE_HASHES", "require-hashes", UvSetting::Form::kFlag},
    {"UV_NO_BUILD", "no-build", UvSetting::Form::kFlag},
    {"UV_NO_BINARY", "no-binary-all", UvSetting::Form::kFlag},
    {"UV_NO_BUILD_ISOLATION", "no-build-isolation", UvSetting::Form::kFlag},
    {"UV_BREAK_SYSTEM_PACKAGES", "break-system-packages", UvSetting::Form::kFlag},
    {"UV_SYSTEM_PYTHON", "system", UvSetting::Form::kFlag},
    {"UV_PYTHON", "python", UvSetting::Form::kText},
    {"UV_NO_DEV", "no-dev", UvSetting::Form::kFlag},
}};

absl::Status AddUvSettings(const InstallerCall& call, OptionWords& words) {
  std::vector<GivenOption> given;
  for (const UvSetting& setting : kUvSettings) {
    ASSIGN_OR_RETURN(const std::string value, call.Setting(setting.variable));
    if (value.empty()) continue;
    // An option of the command stands in the place of all that a setting names.
    if (words.Has(setting.option)) continue;
    if (setting.form == UvSetting::Form::kFlag) {
      ASSIGN_OR_RETURN(const bool on, call.Flag(setting.variable));
      if (on) given.push_back({setting.option, ""});
    } else if (setting.form == UvSetting::Form::kText) {
      given.push_back({setting.option, value});
    } else {
      const bool commas = setting.form == UvSetting::Form::kCommas;
      const std::vector<std::string> values =
          absl::StrSplit(value, absl::ByAnyChar(commas ? ", \n" : " \n\t"), absl::SkipEmpty());
      for (const std::string& one : values) given.push_back({setting.option, one});
    }
  }
  words.options.insert(words.options.begin(), given.begin(), given.end());
  return absl::OkStatus();
}

// "name=https://..." as "https://...".
std::string WithoutIndexName(std::string value) {
  const size_t equals = value.find('=');
  const size_t scheme = value.find("://");
  if (equals != std::string::npos && (scheme == std::string::npos || equals < scheme))
    value.erase(0, equals + 1);
  return value;
}

absl::Status TakeUvRules(const OptionWords& words, InstallRules& rules) {
  rules.index_url = words.Last("default-index");
  if (!rules.index_url.has_value()) rules.index_url = words.Last("index-url");
  if (rules.index_url.has_value()) rules.index_url = WithoutIndexName(*rules.index_url);
  for (const std::string_view name : {"index", "extra-index-url"}) {
    for (std::string& value : words.All(name))
      rules.extra_index_urls.push_back(WithoutIndexName(std::move(value)));
  }
  rules.find_links = words.All("find-links");
  rules.no_index = words.Has("no-index");
  for (const GivenOption& option : words.options) {
    if (option.name == "no-binary") rules.format.NoBinary(option.value);
    if (option.name == "only-binary") rules.format.OnlyBinary(option.value);
    if (option.name == "no-binary-all") rules.format.NoBinary(":all:");
    if (option.name == "no-build") rules.format.OnlyBinary(":all:");
  }
  const std::string prerelease = words.Last("prerelease").value_or(words.Has("pre") ? "allow" : "");
  if (prerelease == "disallow" || prerelease == "explicit")
    return absl::InvalidArgumentError(fmt::format("uv's --prerelease {} is not understood here", prerelease));
  rules.pre = prerelease == "allow";
  rules.upgrade = words.Has("upgrade") ? Upgrade::kEager : Upgrade::kNone;
  rules.upgrade_packages = words.All("upgrade-package");
  rules.force_reinstall = words.Has("reinstall");
  rules.no_dependencies = words.Has("no-deps");
  rules.require_hashes = words.Has("require-hashes");
  rules.no_build_isolation = words.Has("no-build-isolation");
  rules.break_system_packages = words.Has("break-system-packages");
  rules.python_version = words.Last("python-version").value_or("");
  if (const auto platform = words.Last("python-platform"); platform.has_value())
    rules.platforms = {*platform};
  rules.exclude_newer = words.Last("exclude-newer").value_or("");
  rules.resolution = words.Last("resolution").value_or("");
  for (const std::string_view name :
       {"excludes", "index-strategy", "script", "package", "all-packages", "no-extra"}) {
    if (words.Has(name))
      return absl::InvalidArgumentError(fmt::format("uv's option --{} is not understood here", name));
  }
  return absl::OkStatus();
}

absl::Status TakePlace(const OptionWords& words, const InstallerCall& call, Install& install) {
  install.python = words.Last("python").value_or("");
  install.system = words.Has("system");
  install.target = words.Last("target").value_or("");
  install.prefix = words.Last("prefix").value_or("");
  if (const auto folder = words.Last("directory"); folder.has_value()) {
    if (folder->starts_with('/')) {
      install.folder = *folder;
    } else {
      install.folder = install.folder.empty() ? "" : install.folder + "/" + *folder;
    }
  }
  if (!install.system && install.python.empty()) {
    ASSIGN_OR_RETURN(install.virtual_environment, call.Setting("VIRTUAL_ENV"));
  }
  install.extras = words.All("extra");
  install.all_extras = words.Has("all-extras");
  return absl::OkStatus();
}

absl::StatusOr<bool> ReadUvPip(const OptionWords& words, const std::string& command,
                               const InstallerCall& call, Install& install) {
  install.tool = Install::Tool::kUvPip;
  install.action = command == "sync" ? Install::Action::kSync : Install::Action::kInstall;
  if (words.Has("group")) return absl::InvalidArgumentError("uv's option --group is not understood here");
  for (const std::string& argument : words.arguments) {
    if (command == "sync") {
      AddFile(InstallFile::Kind::kRequirements, argument, call, install);
    } else {
      RETURN_IF_ERROR(AddRequirement(argument, false, install));
    }
  }
  for (const std::string& argument : words.All("editable"))
    RETURN_IF_ERROR(AddRequirement(argument, true, install));
  for (const auto& [name, kind] : {std::pair("requirements", InstallFile::Kind::kRequirements),
                                   std::pair("constraints", InstallFile::Kind::kConstraints),
                                   std::pair("overrides", InstallFile::Kind::kOverrides),
                                   std::pair("build-constraints", InstallFile::Kind::kBuildConstraints)}) {
    for (const std::string& path : words.All(name)) AddFile(kind, path, call, install);
  }
  if (install.requirements.empty() && install.files.empty())
    return absl::InvalidArgumentError("uv is not told what to install");
  return true;
}

absl::StatusOr<bool> ReadUvSync(const OptionWords& words, const InstallerCall& call, Install& install) {
  install.tool = Install::Tool::kUvSync;
  install.action = Install::Action::kSync;
  if (!words.arguments.empty()) return absl::InvalidArgumentError("uv sync takes no arguments");
  install.groups = words.All("group");
  install.without_groups = words.All("no-group");
  const std::vector<std::string> only = words.All("only-group");
  install.groups.insert(install.groups.end(), only.begin(), only.end());
  if (words.Has("only-dev")) install.groups.emplace_back("dev");
  install.only_groups = words.Has("only-dev") || !only.empty();
  install.all_groups = words.Has("all-groups");
  install.without_dev = (words.Has("no-dev") || words.Has("no-default-groups")) && !words.Has("dev");
  install.without_project = words.Has("no-install-project") || install.only_groups;
  if (words.Has("no-install-package"))
    return absl::InvalidArgumentError("uv's option --no-install-package is not understood here");
  if (const auto project = words.Last("project"); project.has_value()) {
    if (!project->starts_with('/') && install.folder.empty())
      return absl::InvalidArgumentError("the folder is not known");
    install.folder = project->starts_with('/') ? *project : install.folder + "/" + *project;
  }
  // uv looks at VIRTUAL_ENV only with --active.
  ASSIGN_OR_RETURN(const std::string place, call.Setting("UV_PROJECT_ENVIRONMENT"));
  if (!words.Has("active")) install.virtual_environment = place.empty() ? ".venv" : place;
  return true;
}

absl::StatusOr<bool> ReadUvVenv(const OptionWords& words, std::vector<CreatedEnvironment>& environments) {
  CreatedEnvironment environment;
  environment.path = words.arguments.empty() ? ".venv" : words.arguments[0];
  environment.python = words.Last("python").value_or("");
  environment.system_site_packages = words.Has("system-site-packages");
  environments.push_back(std::move(environment));
  return false;
}

}  // namespace

absl::StatusOr<bool> ReadUvCall(const InstallerCall& call, Install& install,
                                std::vector<CreatedEnvironment>& environments) {
  const size_t at = SubcommandPlace(call.words, kUvOptions);
  if (at == call.words.size()) return false;
  if (!call.words[at].unknown.empty()) return absl::InvalidArgumentError(call.words[at].unknown);
  std::string command = call.words[at].text;
  std::vector<ShellWord> rest(call.words.begin(), call.words.end());
  rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(at));
  const bool pip = command == "pip";
  if (pip) {
    const size_t next = at + SubcommandPlace(absl::Span<const ShellWord>(rest).subspan(at), kUvOptions);
    if (next >= rest.size()) return false;
    command = rest[next].text;
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(next));
    if (command != "install" && command != "sync") return false;
  } else if (command == "add" || command == "tool" || command == "run" || command == "remove") {
    const bool idle =
        command == "tool" && at < rest.size() && rest[at].text != "install" && rest[at].text != "run";
    if (idle) return false;
    return absl::InvalidArgumentError(fmt::format("uv {} is not understood here", command));
  } else if (command != "sync" && command != "venv") {
    return false;
  }
  std::vector<OptionSyntax> table(kUvOptions.begin(), kUvOptions.end());
  if (pip) {
    table.insert(table.end(), {kPipNoBinary, kPipOnlyBinary});
  } else {
    table.insert(table.end(), {kAllNoBinary, kNoBinaryPackage, kNoBuildPackage});
  }
  if (command == "venv") {
    table.push_back({"system-site-packages", "--system-site-packages", false});
    table.push_back({"-", "--seed --relocatable --clear --allow-existing --no-project", false});
    table.push_back({"-", "--prompt", true});
  }
  ASSIGN_OR_RETURN(OptionWords words, ReadOptionWords(rest, table, false));
  if (words.Has("help") || words.Has("dry-run")) return false;
  if (command == "venv") return ReadUvVenv(words, environments);
  RETURN_IF_ERROR(AddUvSettings(call, words));
  RETURN_IF_ERROR(TakeUvRules(words, install.rules));
  RETURN_IF_ERROR(TakePlace(words, call, install));
  return pip ? ReadUvPip(words, command, call, install) : ReadUvSync(words, call, install);
}

}  // namespace crossmill::predict
