#include "coordinator/wheels/toolchain.h"

#include <algorithm>
#include <array>
#include <map>

#include "common/base/status.h"

namespace crossmill::coordinator {
namespace {

// Folders below which nothing counts.
constexpr std::array<std::string_view, 11> kLeftAlone = {
    "/tmp",     "/run",       "/proc",        "/sys",          "/dev",        "/var/tmp",
    "/var/log", "/var/cache", "/var/lib/apt", "/var/lib/dpkg", "/root/.cache"};

// Of installed packages, those that build and those that Python loads by itself.
constexpr std::array<std::string_view, 7> kBuilders = {
    "pip", "setuptools", "wheel", "uv", "_distutils_hack", "pkg_resources", "virtualenv"};

bool IsIn(std::string_view path, std::string_view folder) {
  return path == folder || layer::IsBelow(path, folder);
}

// The path below site-packages or dist-packages; empty: it is in none.
std::string_view InstalledPart(std::string_view path) {
  for (const std::string_view folder : {"/site-packages/", "/dist-packages/"}) {
    const size_t at = path.find(folder);
    if (at != std::string_view::npos) return path.substr(at + folder.size());
  }
  return {};
}

bool IsBuilder(std::string_view installed) {
  const std::string_view first = installed.substr(0, installed.find('/'));
  if (first.ends_with(".pth") || first == "sitecustomize.py" || first == "usercustomize.py") return true;
  return std::any_of(kBuilders.begin(), kBuilders.end(), [&](std::string_view name) {
    // "pip", "pip-24.0.dist-info", "setuptools.egg-info".
    return first == name || (first.starts_with(name) && !first.empty() &&
                             (first[name.size()] == '-' || first[name.size()] == '.'));
  });
}

class Scope {
 public:
  explicit Scope(const ToolchainScope& scope) : isolated_(scope.isolated) {
    for (const std::string_view folder : kLeftAlone) {
      if (!IsNamed(folder, scope.environment)) left_alone_.push_back(folder.substr(1));
    }
    AddFolder(scope.folder, scope.environment);
    for (const std::string& file : scope.files) {
      if (file.size() > 1 && !IsNamed(file, scope.environment)) files_.push_back(file.substr(1));
    }
  }

  bool Counts(std::string_view path) const {
    if (path.ends_with(".pyc") || path.ends_with("/__pycache__")) return false;
    for (const std::string_view folder : left_alone_) {
      if (IsIn(path, folder)) return false;
    }
    if (!folder_.empty() && IsIn(path, folder_)) return IsHidden(path.substr(folder_.size()));
    if (std::find(files_.begin(), files_.end(), path) != files_.end()) return false;
    const std::string_view installed = isolated_ ? InstalledPart(path) : std::string_view();
    return installed.empty() || IsBuilder(installed);
  }

 private:
  // Of a path below the working folder: settings and toolchains of a home lie in such places.
  static bool IsHidden(std::string_view below) {
    return below.starts_with("/.") && below != "/.git" && !below.starts_with("/.git/");
  }

  static bool IsNamed(std::string_view path, const std::vector<std::string>& environment) {
    return std::any_of(environment.begin(), environment.end(), [&](std::string_view variable) {
      const size_t equals = variable.find('=');
      if (equals == std::string_view::npos) return false;
      // The folder that a shell is in says nothing of what is read.
      const std::string_view name = variable.substr(0, equals);
      return name != "PWD" && name != "OLDPWD" &&
             variable.substr(equals).find(path) != std::string_view::npos;
    });
  }

  void AddFolder(std::string_view folder, const std::vector<std::string>& environment) {
    while (folder.size() > 1 && folder.ends_with('/')) folder.remove_suffix(1);
    if (folder.size() <= 1 || !folder.starts_with('/') || IsNamed(folder, environment)) return;
    // Of the system: it may hold the compiler itself.
    for (const std::string_view system : {"/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc", "/opt"}) {
      if (IsIn(folder, system)) return;
    }
    // A home, or what holds homes.
    if (folder == "/root" || folder == "/home" || folder == "/var" ||
        (folder.starts_with("/home/") && folder.find('/', 6) == std::string_view::npos)) {
      return;
    }
    folder_ = folder.substr(1);
  }

  const bool isolated_;
  std::vector<std::string_view> left_alone_;
  std::string folder_;
  std::vector<std::string> files_;
};

std::string LineOf(const layer::ManifestEntry& entry) {
  const layer::TarEntry& tar = entry.entry;
  std::string line = fmt::format("{} {:o} {} {} {} {}", static_cast<int>(tar.type), tar.mode, tar.uid,
                                 tar.gid, entry.sha256, tar.link);
  for (const auto& [name, value] : tar.xattrs) line += fmt::format(" {}={}", name, Sha256Hex(value));
  return line;
}

// What lies at the path is gone, with everything below it.
void Remove(const std::string& path, std::map<std::string, std::string>* entries) {
  entries->erase(path);
  const std::string below = path + "/";
  const auto first = entries->lower_bound(below);
  auto last = first;
  while (last != entries->end() && last->first.starts_with(below)) ++last;
  entries->erase(first, last);
}

}  // namespace

std::string ToolchainDigest(absl::Span<const ToolchainLayer> layers, const ToolchainScope& scope) {
  const Scope counted(scope);
  std::string text;
  std::map<std::string, std::string> entries;
  for (const ToolchainLayer& layer : layers) {
    if (layer.manifest == nullptr) {
      text += fmt::format("layer {}\n", layer.tar.hash);
      continue;
    }
    for (const layer::ManifestEntry& entry : layer.manifest->entries) {
      const std::string& path = entry.entry.path;
      if (!counted.Counts(path)) continue;
      if (entry.whiteout) {
        Remove(path, &entries);
        // It hides what a base has there.
        entries[path] = "removed";
      } else {
        entries[path] = LineOf(entry);
      }
    }
  }
  for (const auto& [path, line] : entries) text += fmt::format("{} {}\n", line, path);
  return Sha256Hex(text);
}

}  // namespace crossmill::coordinator
