// Programs, virtual environments and what uv looks for.
#include "common/predict/matrix/install_python.h"

#include <string>
#include <string_view>

#include "common/base/status.h"
#include "common/base/utf8.h"

namespace crossmill::predict {
namespace {

std::string Absolute(std::string_view folder, std::string_view path) {
  return path.find('/') == path.npos || path.starts_with('/') ? std::string(path) : PathIn(folder, path);
}

// "3.12" as "python3.12"; names and paths as they are.
std::string ProgramOfRequest(const std::string& request) {
  const bool version = !request.empty() && request.find_first_not_of("0123456789.t") == std::string::npos;
  return version ? "python" + request : request;
}

bool IsUv(const Install& install) {
  return install.tool == Install::Tool::kUvPip || install.tool == Install::Tool::kUvSync;
}

// The program to look at, with a path where there is one.
absl::StatusOr<std::string> ProgramOf(const Install& install) {
  if (!install.python.empty()) return Absolute(install.folder, ProgramOfRequest(install.python));
  if (install.tool == Install::Tool::kPip) return Absolute(install.folder, install.program);
  if (!install.virtual_environment.empty())
    return PathIn(PathIn(install.folder, install.virtual_environment), "bin/python");
  if (install.system) return "python3";
  if (IsUv(install)) return PathIn(PathIn(install.folder, ".venv"), "bin/python");
  return absl::NotFoundError(
      fmt::format("which environment {} installs into is not known", Printable(install.program)));
}

}  // namespace

absl::StatusOr<FoundPython> PythonOfInstall(const Install& install,
                                            const std::vector<CreatedEnvironment>& created,
                                            RootFiles& files) {
  const std::string_view path =
      install.path_variable.empty() ? kDefaultPath : std::string_view(install.path_variable);
  const ImagePythonFinder finder(files, path);
  ASSIGN_OR_RETURN(const std::string program, ProgramOf(install));
  for (const CreatedEnvironment& environment : created) {
    const std::string folder =
        environment.path.starts_with('/') ? environment.path : PathIn(install.folder, environment.path);
    const std::string bin = PathIn(folder, "bin");
    // By its path, or because it is the first of PATH.
    const bool named = program.starts_with(bin + "/");
    const bool first = program.find('/') == std::string::npos && path.starts_with(bin + ":");
    if (!named && !first) continue;
    const std::string base = environment.python.empty() ? "python3" : ProgramOfRequest(environment.python);
    ASSIGN_OR_RETURN(FoundPython python, finder.Look(base));
    python.path = PathIn(bin, "python");
    python.prefix = folder;
    python.virtual_environment = true;
    python.system_site_packages = environment.system_site_packages;
    python.externally_managed = false;
    if (!environment.system_site_packages) python.installed = InstalledPackages();
    return python;
  }
  auto python = finder.Look(program);
  // uv takes the system's Python for a project that has no environment yet.
  if (!python.ok() && install.tool == Install::Tool::kUvSync) python = finder.Look("python3");
  return python;
}

}  // namespace crossmill::predict
