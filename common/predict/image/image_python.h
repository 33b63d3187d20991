// The Pythons of an image, read from its files without running it: for which processor, which version, which
// C library, what is installed for them. Pure: the files are RootFiles.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/predict/image/elf_header.h"
#include "common/predict/image/image_distribution.h"
#include "common/predict/image/image_libc.h"
#include "common/predict/image/image_programs.h"
#include "common/predict/image/installed_packages.h"
#include "common/predict/image/root_files.h"
#include "common/python/python_environment.h"

namespace crossmill::predict {

struct FoundPython {
  // As PATH or a command has it, and without links.
  std::string path;
  std::string real_path;
  // "cpython" or "pypy".
  std::string implementation = "cpython";
  int major = 0;
  int minor = 0;
  bool free_threaded = false;
  // "3.11.7"; "3.11" if no file says the rest.
  std::string version;
  ElfHeader program;
  // nullopt: see the notes.
  std::optional<FoundLibc> libc;
  // sys.prefix: of a virtual environment its own folder.
  std::string prefix;
  bool virtual_environment = false;
  // A virtual environment that sees the packages of its base.
  bool system_site_packages = false;
  // The distribution says that pip has to leave it alone (PEP 668). Never for virtual environments.
  bool externally_managed = false;
  std::vector<std::string> site_folders;
  InstalledPackages installed;
  // What could not be read, and why; sentences.
  std::vector<std::string> notes;
};

struct FoundInstaller {
  // "pip", "uv", "poetry", "pdm", "pipenv"
  std::string name;
  std::string path;
  // Empty where no file says it.
  std::string version;
};

struct ImagePythons {
  // What PATH finds, in its order, each once (links to the same one are one). python3 before python3.11.
  std::vector<FoundPython> pythons;
  std::vector<FoundInstaller> installers;
  Distribution distribution;
  std::vector<std::string> notes;
};

class ImagePythonFinder {
 public:
  // The files outlive it.
  explicit ImagePythonFinder(RootFiles& files, std::string_view path_variable = kDefaultPath);

  ImagePythons Find() const;

  // The Python of one path or name: a program, or a script's interpreter (pip, poetry). NOT_FOUND if there is
  // none, FAILED_PRECONDITION if it is something else; both say what was found.
  absl::StatusOr<FoundPython> Look(std::string_view program) const;

  const RootPaths& root() const { return root_; }

 private:
  absl::StatusOr<FoundPython> LookAt(const std::string& path) const;
  void FillVersion(FoundPython& python) const;
  void FillFolders(FoundPython& python, const std::string& base_prefix) const;
  std::vector<FoundInstaller> FindInstallers() const;

  RootPaths root_;
  std::string path_variable_;
  Distribution distribution_;
};

// The environment that packages are chosen for. `kernel_machine`, where it is not empty, is what the kernel
// calls the machine (a 32-bit Python on a 64-bit kernel has other markers). `linux_first` as in
// TagEnvironment. FAILED_PRECONDITION for what has no wheels that we know: another implementation, an unknown
// processor.
absl::StatusOr<python::PythonEnvironment> EnvironmentOf(const FoundPython& python, bool linux_first = true,
                                                        std::string_view kernel_machine = {});
// Whether pip of this version prefers linux_ARCH wheels to manylinux ones: from 26.3 on. An unknown version
// counts as the newest.
bool PrefersLinuxWheels(std::string_view pip_version);

}  // namespace crossmill::predict
