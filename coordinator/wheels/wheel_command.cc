#include "coordinator/wheels/wheel_command.h"

#include <array>

#include "common/base/status.h"

namespace crossmill::coordinator {
namespace {

constexpr std::string_view kSourceFolder = "/tmp/.crossmill-sources";

}  // namespace

v1::Run CompileRun(const WheelCommand& command) {
  v1::Run run = *command.install;
  run.clear_argv();
  run.clear_files();
  run.clear_mounts();
  run.clear_farm_wheels();
  const std::string target = fmt::format("{}/{}", kSourceFolder, command.source_file);
  const std::string folder = fmt::format("/{}", kWheelFolder);
  if (command.uv.empty()) {
    for (const char* word : {"-m", "pip", "wheel", "--no-deps", "--no-cache-dir",
                             "--disable-pip-version-check", "--no-input", "--wheel-dir"}) {
      if (run.argv().empty()) run.add_argv(command.python);
      run.add_argv(word);
    }
  } else {
    run.add_argv(command.uv);
    for (const char* word : {"build", "--wheel", "--no-cache", "--python"}) run.add_argv(word);
    run.add_argv(command.python);
    run.add_argv("--out-dir");
  }
  run.add_argv(folder);
  run.add_argv(target);
  v1::RunMount& mount = *run.add_mounts();
  mount.set_type(v1::RunMount::TYPE_BIND);
  mount.set_target(target);
  mount.set_read_only(true);
  v1::CopySource& source = *mount.mutable_source();
  source.set_text(command.source_file);
  v1::ContextMatch& match = *source.mutable_context()->add_matches();
  match.set_name(command.source_file);
  match.set_path(command.source_file);
  match.set_unix_mode(0644);
  ToProto(command.source, match.mutable_file());
  return run;
}

std::string BuildOptionIn(std::string_view text) {
  // Those without dashes are uv's, in pyproject.toml.
  static constexpr std::array<std::string_view, 13> kOptions = {
      "--config-setting",     "--global-option",  "--build-option",
      "--no-build-isolation", "--no-use-pep517",  "--use-pep517",
      "build-constraint",     "--install-option", " -C",
      "--no-isolation",       "config-setting",   "no-build-isolation",
      "extra-build-"};
  for (const std::string_view option : kOptions) {
    if (text.find(option) != std::string_view::npos) {
      return std::string(option.substr(option.find_first_not_of(' ')));
    }
  }
  return "";
}

std::string BuildVariableIn(const std::vector<std::string>& environment) {
  static constexpr std::array<std::string_view, 10> kVariables = {
      "PIP_CONFIG_SETTINGS",  "PIP_GLOBAL_OPTION", "PIP_BUILD_OPTION", "PIP_NO_BUILD_ISOLATION",
      "PIP_BUILD_CONSTRAINT", "PIP_NO_USE_PEP517", "PIP_USE_PEP517",   "UV_NO_BUILD_ISOLATION",
      "UV_BUILD_CONSTRAINT",  "UV_CONFIG_SETTINGS"};
  for (const std::string_view variable : environment) {
    const std::string_view name = variable.substr(0, variable.find('='));
    for (const std::string_view known : kVariables) {
      if (name == known) return std::string(name);
    }
  }
  return "";
}

}  // namespace crossmill::coordinator
