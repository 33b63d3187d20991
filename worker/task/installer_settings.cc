#include "worker/task/installer_settings.h"

#include <fcntl.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/files.h"
#include "common/base/status.h"
#include "worker/tree/root_path.h"

namespace crossmill::worker {
namespace {

constexpr size_t kMostBytes = 64 << 10;

std::string Variable(const v1::Run& run, std::string_view name) {
  std::string value;
  for (const std::string& entry : run.env()) {
    if (entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=')
      value = entry.substr(name.size() + 1);
  }
  return value;
}

std::string ReadInRoot(int root, const std::string& path) {
  const auto file = OpenInRoot(root, path, O_RDONLY | O_NONBLOCK);
  if (!file.ok()) return "";
  std::string text(kMostBytes, '\0');
  const ssize_t count = pread(file->get(), text.data(), text.size(), 0);
  text.resize(count > 0 ? static_cast<size_t>(count) : 0);
  return text;
}

std::vector<std::string> PipFiles(const SandboxRun& run, const std::string& home) {
  std::vector<std::string> files = {"/etc/pip.conf",         "/etc/xdg/pip/pip.conf",
                                    "/usr/pip.conf",         "/usr/local/pip.conf",
                                    home + "/.pip/pip.conf", home + "/.config/pip/pip.conf"};
  if (const std::string file = Variable(run.run, "PIP_CONFIG_FILE"); !file.empty()) files.push_back(file);
  if (const std::string folder = Variable(run.run, "VIRTUAL_ENV"); !folder.empty())
    files.push_back(folder + "/pip.conf");
  if (const std::string folder = Variable(run.run, "XDG_CONFIG_HOME"); !folder.empty())
    files.push_back(folder + "/pip/pip.conf");
  return files;
}

std::vector<std::string> UvFiles(const SandboxRun& run, const std::string& home) {
  std::vector<std::string> files = {"/etc/uv/uv.toml", "/etc/xdg/uv/uv.toml", home + "/.config/uv/uv.toml",
                                    run.run.cwd() + "/uv.toml", run.run.cwd() + "/pyproject.toml"};
  if (const std::string file = Variable(run.run, "UV_CONFIG_FILE"); !file.empty()) files.push_back(file);
  return files;
}

bool AnyNamesAnIndex(int root, const std::vector<std::string>& files) {
  return std::any_of(files.begin(), files.end(),
                     [&](const std::string& file) { return NamesAnIndex(ReadInRoot(root, file)); });
}

bool IsMountedFile(const std::vector<StepMount>& mounts, std::string_view name) {
  return std::any_of(mounts.begin(), mounts.end(),
                     [&](const StepMount& mount) { return !mount.folder && mount.target.ends_with(name); });
}

}  // namespace

InstallerSettings InstallerSettingsOf(const SandboxRun& run, const std::vector<StepMount>& mounts) {
  InstallerSettings settings;
  settings.uv_pip = UsesUvPip({run.run.argv().begin(), run.run.argv().end()});
  settings.pip_file = IsMountedFile(mounts, "pip.conf");
  settings.uv_file = IsMountedFile(mounts, "uv.toml");
  const auto root = OpenRoot(run.root);
  if (!root.ok()) return settings;
  const std::string own_home = Variable(run.run, "HOME");
  const std::string& home = own_home.empty() ? run.identity.home : own_home;
  settings.pip_file = settings.pip_file || AnyNamesAnIndex(root->get(), PipFiles(run, home));
  settings.uv_file = settings.uv_file || AnyNamesAnIndex(root->get(), UvFiles(run, home));
  return settings;
}

}  // namespace crossmill::worker
