#include "worker/task/package_place.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_split.h"
#include "common/base/status.h"

namespace crossmill::worker {
namespace {

// Folders that installers make for themselves, by the beginning of their names.
constexpr std::string_view kInstallersFolders[] = {
    "pip-build-env-",         "pip-install-", "pip-req-build-",      "pip-modern-metadata-", "pip-metadata-",
    "pip-ephem-wheel-cache-", "pip-wheel-",   "pip-unpack-",         "pip-unpacked-wheel-",  "pip-target-",
    "pip-uninstall-",         "build-env-",   "pip-standalone-pip-",
};
// Of uv's cache, followed by a number.
constexpr std::string_view kUvFolders[] = {"archive-v", "builds-v", "sdists-v", "wheels-v", "environments-v"};
constexpr std::string_view kSeeds[] = {"pip", "setuptools", "wheel"};
constexpr size_t kMostBundled = 100;

bool IsDigits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool IsInstallersFolder(std::string_view name) {
  if (name == "_vendor" || name == "_vendored" || name == "_vendored_packages") return true;
  for (const std::string_view begin : kInstallersFolders) {
    if (name.starts_with(begin)) return true;
  }
  for (const std::string_view begin : kUvFolders) {
    if (name.starts_with(begin) && IsDigits(name.substr(begin.size()))) return true;
  }
  return false;
}

bool IsPackagesFolder(std::string_view name) { return name == "site-packages" || name == "dist-packages"; }

std::string Join(const std::vector<std::string>& parts, size_t count) {
  std::string path;
  for (size_t i = 0; i < count; ++i) path += (i == 0 ? "" : "/") + parts[i];
  return path;
}

// conda keeps every package unpacked in pkgs/NAME, with info/index.json beside the files.
bool IsCondaPackage(const RootReader& root, const std::vector<std::string>& parts) {
  for (size_t i = 0; i + 1 < parts.size(); ++i) {
    if (parts[i] == "pkgs" && root.Exists(Join(parts, i + 2) + "/info/index.json")) return true;
  }
  return false;
}

// A root file system in a folder of this one: what a debootstrap or `pip --root` made.
bool IsInOtherRoot(const RootReader& root, const std::vector<std::string>& parts, size_t prefix) {
  for (size_t i = 1; i < prefix; ++i) {
    const std::string folder = Join(parts, i) + "/";
    if (root.IsFolder(folder + "usr") && (root.Exists(folder + "etc") || root.Exists(folder + "bin")))
      return true;
  }
  return false;
}

bool IsPythonFolder(std::string_view name) { return name.starts_with("python") || name.starts_with("pypy"); }

// An interpreter of the version that the folder is named after, in the prefix's bin; the system's interpreter
// also searches /usr/local.
bool HasInterpreter(const RootReader& root, const std::string& prefix, const std::string& python) {
  const std::string bin = prefix.empty() ? "bin/" : prefix + "/bin/";
  if (root.Exists(bin + python)) return true;
  return prefix == "usr/local" && root.Exists("usr/bin/" + python);
}

// The value of "key = value" in pyvenv.cfg.
std::string Setting(std::string_view text, std::string_view key) {
  for (const auto line : absl::StrSplit(Av(text), '\n')) {
    const std::vector<std::string> sides = absl::StrSplit(line, absl::MaxSplits('=', 1));
    if (sides.size() != 2) continue;
    const auto trim = [](std::string side) {
      side.erase(0, side.find_first_not_of(" \t"));
      side.erase(side.find_last_not_of(" \t\r") + 1);
      return side;
    };
    if (trim(sides[0]) == key) return trim(sides[1]);
  }
  return {};
}

// Wheels that ensurepip takes: Debian's, else those beside the standard library of the interpreter in `home`.
std::vector<std::string> BundledWheels(const RootReader& root, const std::string& settings) {
  std::vector<std::string> names = root.List("usr/share/python-wheels", kMostBundled);
  std::string home = Setting(settings, "home");
  const std::vector<std::string> version = absl::StrSplit(Setting(settings, "version"), '.');
  const size_t bin = home.rfind("/bin");
  if (home.starts_with("/") && bin != home.npos && version.size() >= 2) {
    const std::string library = fmt::format("{}/lib/python{}.{}/ensurepip/_bundled",
                                            home.substr(1, bin > 0 ? bin - 1 : 0), version[0], version[1]);
    for (std::string& name : root.List(library, kMostBundled)) names.push_back(std::move(name));
  }
  return names;
}

}  // namespace

void FindPlace(const RootReader& root, std::string_view folder, v1::DistInfo* info) {
  const std::vector<std::string> parts = absl::StrSplit(Av(folder), '/', absl::SkipEmpty());
  info->set_environment(std::string(folder));
  info->set_place(v1::DistInfo::PLACE_FOLDER);
  const auto inner = std::find_if(parts.begin(), parts.end(), IsPackagesFolder);
  // Below a package of an environment lies what that package brought along.
  const bool copied = inner != parts.end() && inner + 1 != parts.end();
  if (copied || std::any_of(parts.begin(), parts.end(), IsInstallersFolder) || IsCondaPackage(root, parts)) {
    info->set_place(v1::DistInfo::PLACE_INSTALLER);
    return;
  }
  // PREFIX/lib/pythonX.Y/site-packages, also lib64; Debian's PREFIX/local/lib/pythonX.Y/dist-packages is a
  // prefix of its own.
  if (inner == parts.end() || parts.size() < 3 || !IsPythonFolder(parts[parts.size() - 2]) ||
      !parts[parts.size() - 3].starts_with("lib")) {
    return;
  }
  const size_t prefix = parts.size() - 3;
  const std::string path = Join(parts, prefix);
  info->set_environment(path);
  if (IsInOtherRoot(root, parts, prefix)) {
    info->set_place(v1::DistInfo::PLACE_OTHER_ROOT);
  } else if (root.Exists(path.empty() ? "pyvenv.cfg" : path + "/pyvenv.cfg")) {
    info->set_place(v1::DistInfo::PLACE_VIRTUAL_ENVIRONMENT);
  } else if (path.ends_with("/.local")) {
    info->set_place(v1::DistInfo::PLACE_USER_SITE);
  } else if (HasInterpreter(root, path, parts[parts.size() - 2])) {
    info->set_place(v1::DistInfo::PLACE_INTERPRETER);
  } else {
    info->set_place(v1::DistInfo::PLACE_PREFIX);
  }
}

bool IsSeed(const RootReader& root, const std::set<std::string, std::less<>>& changed,
            const v1::DistInfo& info) {
  if (info.place() != v1::DistInfo::PLACE_VIRTUAL_ENVIRONMENT) return false;
  if (std::find(std::begin(kSeeds), std::end(kSeeds), info.name()) == std::end(kSeeds)) return false;
  const std::string settings_path = info.environment() + "/pyvenv.cfg";
  if (!changed.contains(settings_path)) return false;
  const std::string settings = root.ReadFront(settings_path, 4096).value_or("");
  // virtualenv and uv bring their own, which nobody asked for by name.
  if (!Setting(settings, "virtualenv").empty() || !Setting(settings, "uv").empty()) return !info.requested();
  bool bundled = false;
  for (const std::string& wheel : BundledWheels(root, settings)) {
    if (!wheel.starts_with(info.name() + "-")) continue;
    if (wheel.starts_with(fmt::format("{}-{}-", info.name(), info.version()))) return true;
    bundled = true;
  }
  // Another version than the bundled one was installed on purpose; ensurepip has never brought wheel.
  return !bundled && info.name() != "wheel";
}

}  // namespace crossmill::worker
