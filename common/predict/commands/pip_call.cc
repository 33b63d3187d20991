// pip install, pip wheel, pip download: the options of pip 20 to 26, and PIP_*.
#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/str_replace.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/predict/commands/installer_call.h"

namespace crossmill::predict {
namespace {

// Those that decide nothing have the name "-".
constexpr std::array<OptionSyntax, 83> kPipOptions = {{
    {"requirement", "--requirement -r", true},
    {"constraint", "--constraint -c", true},
    {"build-constraint", "--build-constraint", true},
    {"requirements-from-script", "--requirements-from-script", true},
    {"no-deps", "--no-deps --no-dependencies", false},
    {"only-deps", "--only-deps --only-dependencies", false},
    {"editable", "--editable -e", true},
    {"dry-run", "--dry-run", false},
    {"target", "--target -t", true},
    {"platform", "--platform", true},
    {"python-version", "--python-version", true},
    {"implementation", "--implementation", true},
    {"abi", "--abi", true},
    {"user", "--user", false},
    {"no-user", "--no-user", false},
    {"root", "--root", true},
    {"prefix", "--prefix", true},
    {"-", "--src --source --source-dir --source-directory", true},
    {"upgrade", "--upgrade -U", false},
    {"upgrade-strategy", "--upgrade-strategy", true},
    {"force-reinstall", "--force-reinstall", false},
    {"ignore-installed", "--ignore-installed -I", false},
    {"ignore-requires-python", "--ignore-requires-python", false},
    {"no-build-isolation", "--no-build-isolation", false},
    {"-", "--use-pep517", false},
    {"-", "--no-use-pep517", false},
    {"-", "--check-build-dependencies", false},
    {"break-system-packages", "--break-system-packages", false},
    {"-", "--config-settings --config-setting -C", true},
    {"-", "--global-option", true},
    {"-", "--install-option", true},
    {"-", "--build-option", true},
    {"-", "--compile", false},
    {"-", "--no-compile", false},
    {"-", "--no-warn-script-location", false},
    {"-", "--no-warn-conflicts", false},
    {"require-hashes", "--require-hashes", false},
    {"-", "--no-require-hashes", false},
    {"-", "--progress-bar", true},
    {"-", "--root-user-action", true},
    {"-", "--report", true},
    {"group", "--group", true},
    {"-", "--no-clean", false},
    {"pre", "--pre", false},
    {"all-releases", "--all-releases", true},
    {"only-final", "--only-final", true},
    {"no-binary", "--no-binary", true},
    {"only-binary", "--only-binary", true},
    {"prefer-binary", "--prefer-binary", false},
    {"index-url", "--index-url --pypi-url -i", true},
    {"extra-index-url", "--extra-index-url", true},
    {"no-index", "--no-index", false},
    {"-", "--refresh-package", true},
    {"find-links", "--find-links -f", true},
    {"uploaded-prior-to", "--uploaded-prior-to", true},
    {"help", "--help -h", false},
    {"-", "--debug", false},
    {"isolated", "--isolated", false},
    {"-", "--require-virtualenv --require-venv", false},
    {"python", "--python", true},
    {"-", "--verbose -v", false},
    {"-", "--quiet -q", false},
    {"-", "--log --log-file --local-log", true},
    {"-", "--no-input", false},
    {"-", "--keyring-provider", true},
    {"-", "--proxy", true},
    {"-", "--no-proxy-env", false},
    {"-", "--retries", true},
    {"-", "--timeout --default-timeout", true},
    {"-", "--exists-action", true},
    {"-", "--trusted-host", true},
    {"-", "--cert", true},
    {"-", "--client-cert", true},
    {"-", "--cache-dir", true},
    {"-", "--no-cache-dir", false},
    {"-", "--disable-pip-version-check", false},
    {"-", "--no-color", false},
    {"-", "--no-python-version-warning", false},
    {"-", "--use-feature", true},
    {"-", "--use-deprecated", true},
    {"-", "--resume-retries", true},
    {"-", "--dest --destination-dir --destination-directory -d --wheel-dir -w --build --build-dir -b", true},
    {"-", "--no-verify --process-dependency-links", false},
}};

// Options whose setting in the environment is a list between blanks.
bool IsList(std::string_view name) {
  static constexpr std::array<std::string_view, 12> kLists = {
      "requirement",     "constraint", "build-constraint",
      "editable",        "platform",   "abi",
      "group",           "no-binary",  "only-binary",
      "extra-index-url", "find-links", "requirements-from-script"};
  return std::find(kLists.begin(), kLists.end(), name) != kLists.end();
}

absl::Status CheckFlag(std::string_view variable, const std::string& value) {
  static constexpr std::array<std::string_view, 12> kValues = {"1", "true",  "yes", "on",  "y", "t",
                                                               "0", "false", "no",  "off", "n", "f"};
  if (std::find(kValues.begin(), kValues.end(), absl::AsciiStrToLower(value)) != kValues.end())
    return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("pip takes '{}' for no value of {}", Printable(value), variable));
}

// PIP_* as options that stand before those of the command.
absl::Status AddSettings(const InstallerCall& call, OptionWords& words) {
  std::vector<GivenOption> given;
  for (const OptionSyntax& option : kPipOptions) {
    if (option.name == "-" || option.name == "help") continue;
    const std::string variable =
        "PIP_" + absl::AsciiStrToUpper(absl::StrReplaceAll(Av(option.name), {{"-", "_"}}));
    ASSIGN_OR_RETURN(const std::string value, call.Setting(variable));
    if (value.empty()) continue;
    if (IsList(option.name)) {
      ASSIGN_OR_RETURN(const std::vector<std::string> values, call.Words(variable));
      for (const std::string& one : values) given.push_back({option.name, one});
    } else if (option.has_value) {
      given.push_back({option.name, value});
    } else {
      RETURN_IF_ERROR(CheckFlag(variable, value));
      ASSIGN_OR_RETURN(const bool on, call.Flag(variable));
      if (on) given.push_back({option.name, ""});
    }
  }
  words.options.insert(words.options.begin(), given.begin(), given.end());
  return absl::OkStatus();
}

absl::Status TakeRules(const OptionWords& words, InstallRules& rules) {
  rules.index_url = words.Last("index-url");
  rules.extra_index_urls = words.All("extra-index-url");
  rules.find_links = words.All("find-links");
  rules.no_index = words.Has("no-index");
  for (const GivenOption& option : words.options) {
    if (option.name == "no-binary") rules.format.NoBinary(option.value);
    if (option.name == "only-binary") rules.format.OnlyBinary(option.value);
  }
  rules.prefer_binary = words.Has("prefer-binary");
  rules.pre = words.Has("pre");
  if (words.Has("upgrade")) {
    const std::string strategy = words.Last("upgrade-strategy").value_or("only-if-needed");
    if (strategy != "only-if-needed" && strategy != "eager")
      return absl::InvalidArgumentError(
          fmt::format("the upgrade strategy '{}' is not known", Printable(strategy)));
    rules.upgrade = strategy == "eager" ? Upgrade::kEager : Upgrade::kOnlyIfNeeded;
  }
  rules.force_reinstall = words.Has("force-reinstall");
  rules.ignore_installed = words.Has("ignore-installed");
  rules.no_dependencies = words.Has("no-deps");
  rules.require_hashes = words.Has("require-hashes");
  rules.no_build_isolation = words.Has("no-build-isolation");
  rules.ignore_requires_python = words.Has("ignore-requires-python");
  rules.break_system_packages = words.Has("break-system-packages");
  rules.python_version = words.Last("python-version").value_or("");
  rules.platforms = words.All("platform");
  rules.abis = words.All("abi");
  rules.implementation = words.Last("implementation").value_or("");
  rules.exclude_newer = words.Last("uploaded-prior-to").value_or("");
  for (const std::string_view name :
       {"only-deps", "group", "requirements-from-script", "all-releases", "only-final"}) {
    if (words.Has(name))
      return absl::InvalidArgumentError(fmt::format("pip's option --{} is not understood here", name));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<bool> ReadPipCall(const InstallerCall& call, Install& install) {
  const size_t at = SubcommandPlace(call.words, kPipOptions);
  if (at == call.words.size()) return false;
  if (!call.words[at].unknown.empty()) return absl::InvalidArgumentError(call.words[at].unknown);
  const std::string& command = call.words[at].text;
  if (command != "install" && command != "wheel" && command != "download") return false;
  std::vector<ShellWord> rest(call.words.begin(), call.words.end());
  rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(at));
  ASSIGN_OR_RETURN(OptionWords words, ReadOptionWords(rest, kPipOptions, true));
  if (words.Has("help") || words.Has("dry-run")) return false;
  if (!words.Has("isolated")) RETURN_IF_ERROR(AddSettings(call, words));
  install.tool = Install::Tool::kPip;
  install.action = command == "wheel"      ? Install::Action::kWheel
                   : command == "download" ? Install::Action::kDownload
                                           : Install::Action::kInstall;
  RETURN_IF_ERROR(TakeRules(words, install.rules));
  for (const std::string& argument : words.arguments)
    RETURN_IF_ERROR(AddRequirement(argument, false, install));
  for (const std::string& argument : words.All("editable"))
    RETURN_IF_ERROR(AddRequirement(argument, true, install));
  for (const std::string& path : words.All("requirement"))
    AddFile(InstallFile::Kind::kRequirements, path, call, install);
  for (const std::string& path : words.All("constraint"))
    AddFile(InstallFile::Kind::kConstraints, path, call, install);
  for (const std::string& path : words.All("build-constraint"))
    AddFile(InstallFile::Kind::kBuildConstraints, path, call, install);
  install.python = words.Last("python").value_or("");
  install.target = words.Last("target").value_or("");
  install.prefix = words.Last("prefix").value_or("");
  install.root = words.Last("root").value_or("");
  install.user = words.Has("user") && !words.Has("no-user");
  if (install.requirements.empty() && install.files.empty())
    return absl::InvalidArgumentError("pip is not told what to install");
  return true;
}

}  // namespace crossmill::predict
