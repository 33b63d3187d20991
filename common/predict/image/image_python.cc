// Pythons found by their names, files and folders.
#include "common/predict/image/image_python.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "common/base/paths.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/base/utf8.h"
#include "common/python/version.h"

namespace crossmill::predict {
namespace {

constexpr size_t kMostBinEntries = 50'000;
constexpr size_t kElfHead = 8192;
constexpr size_t kMostSettings = 64 * 1024;
constexpr uint64_t kMostProgramBytes = uint64_t{128} << 20;

struct PythonName {
  std::string implementation;
  // nullopt: "python3", "python".
  std::optional<std::pair<int, int>> version;
  bool free_threaded = false;
};

// "python", "python3", "python3.11", "python3.13t", "pypy3.10".
std::optional<PythonName> ReadPythonName(std::string_view name) {
  PythonName read;
  if (name.starts_with("python")) {
    read.implementation = "cpython";
    name.remove_prefix(6);
  } else if (name.starts_with("pypy")) {
    read.implementation = "pypy";
    name.remove_prefix(4);
  } else {
    return std::nullopt;
  }
  if (name.empty() || name == "2" || name == "3") return read;
  const size_t point = name.find('.');
  if (point == name.npos) return std::nullopt;
  std::pair<int, int> version;
  const auto major = std::from_chars(name.data(), name.data() + point, version.first);
  const auto minor = std::from_chars(name.data() + point + 1, name.data() + name.size(), version.second);
  if (major.ec != std::errc() || major.ptr != name.data() + point || minor.ec != std::errc())
    return std::nullopt;
  const std::string_view rest(minor.ptr, name.data() + name.size() - minor.ptr);
  // Old ABI flags: debug, pymalloc, wide characters.
  if (rest.find_first_not_of("dmut") != rest.npos) return std::nullopt;
  read.free_threaded = rest.find('t') != rest.npos;
  read.version = version;
  return read;
}

std::string VersionFolder(const FoundPython& python) {
  return fmt::format("{}{}.{}{}", python.implementation == "pypy" ? "pypy" : "python", python.major,
                     python.minor, python.free_threaded ? "t" : "");
}

// The value of a key of pyvenv.cfg, empty if it is not there.
std::string VenvSetting(std::string_view text, std::string_view key) {
  for (const absl::string_view line : absl::StrSplit(Av(text), '\n')) {
    const std::string_view one = Sv(line);
    const size_t equals = one.find('=');
    if (equals != one.npos && Trim(one.substr(0, equals)) == key)
      return std::string(Trim(one.substr(equals + 1)));
  }
  return "";
}

// A text of its own in a program: "X.Y.Z" with a, b or rc and a number, or a plus, behind it.
std::optional<std::string> FullVersionIn(std::string_view piece, std::string_view begin) {
  for (size_t at = piece.find(begin); at != piece.npos; at = piece.find(begin, at + 1)) {
    const std::string_view text =
        piece.substr(at + 1, std::min<size_t>(32, piece.find('\0', at + 1) - at - 1));
    const std::string_view number = text.substr(begin.size() - 1);
    const auto version = python::Version::Parse(text.substr(0, text.find('+')));
    if (number.empty() || !absl::ascii_isdigit(static_cast<unsigned char>(number[0])) || !version.ok())
      continue;
    if (version->release.size() == 3 && !version->post && !version->dev && version->local.empty())
      return std::string(text);
  }
  return std::nullopt;
}

// X.Y.Z of `#define PY_VERSION "3.11.7"`.
std::string HeaderVersion(std::string_view text) {
  constexpr std::string_view kDefine = "#define PY_VERSION";
  const size_t at = text.find(kDefine);
  if (at == text.npos) return "";
  const std::string_view line = text.substr(at, text.find('\n', at) - at);
  const size_t quote = line.find('"');
  if (quote == line.npos) return "";
  return std::string(line.substr(quote + 1, line.find('"', quote + 1) - quote - 1));
}

bool BelongsTo(const FoundPython& python, std::string_view version) {
  return version.starts_with(fmt::format("{}.{}.", python.major, python.minor)) &&
         python::Version::Parse(version.substr(0, version.find('+'))).ok();
}

// The version from the folder of its library, where the program's name does not say it.
void VersionFromLibraries(const RootPaths& root, const std::string& prefix, FoundPython& python) {
  std::set<std::tuple<int, int, bool>> versions;
  const auto listing = root.List(PathIn(prefix, "lib"), kMostBinEntries);
  if (!listing.ok()) return;
  for (const RootFiles::Entry& entry : listing->entries) {
    const auto name = ReadPythonName(entry.name);
    if (!name.has_value() || !name->version.has_value() || name->implementation != python.implementation)
      continue;
    if (root.IsFile(fmt::format("{}/lib/{}/os.py", prefix == "/" ? "" : prefix, entry.name)))
      versions.emplace(name->version->first, name->version->second, name->free_threaded);
  }
  if (versions.size() == 1) std::tie(python.major, python.minor, python.free_threaded) = *versions.begin();
}

// Programs of one folder of PATH that may be Pythons: "python3" before "python", these before others, the
// newest version first.
std::vector<std::string> PythonNames(const RootFiles::Listing& listing) {
  std::vector<std::pair<std::tuple<int, int, int, std::string>, std::string>> found;
  for (const RootFiles::Entry& entry : listing.entries) {
    const auto name = ReadPythonName(entry.name);
    if (!name.has_value() || entry.kind == RootFiles::Kind::kFolder) continue;
    const int place = entry.name == "python3" ? 0 : entry.name == "python" ? 1 : 2;
    const std::pair<int, int> version = name->version.value_or(std::pair<int, int>(0, 0));
    found.push_back({{place, -version.first, -version.second, entry.name}, entry.name});
  }
  std::sort(found.begin(), found.end());
  std::vector<std::string> names;
  for (auto& [order, name] : found) names.push_back(std::move(name));
  return names;
}

}  // namespace

ImagePythonFinder::ImagePythonFinder(RootFiles& files, std::string_view path_variable)
    : root_(files), path_variable_(path_variable), distribution_(FindDistribution(root_)) {}

void ImagePythonFinder::FillVersion(FoundPython& python) const {
  const std::string base = FolderOf(FolderOf(python.real_path));
  if (python.major == 0) VersionFromLibraries(root_, base, python);
  if (python.major == 0) {
    python.notes.push_back(fmt::format("The version of {} is in no name of a file.", Printable(python.path)));
    return;
  }
  python.version = fmt::format("{}.{}", python.major, python.minor);
  // pypy's programs name versions of their own.
  if (python.implementation != "cpython") return;
  const std::string folder = VersionFolder(python);
  const auto header = root_.ReadWhole(
      fmt::format("{}/include/{}/patchlevel.h", base == "/" ? "" : base, folder), kMostSettings);
  if (header.ok() && BelongsTo(python, HeaderVersion(*header))) {
    python.version = HeaderVersion(*header);
    return;
  }
  const std::string begin = '\0' + python.version + '.';
  const std::string library = fmt::format("lib{}.so.1.0", folder);
  std::vector<std::string> places = {python.real_path, PathIn(base, "lib/" + library),
                                     PathIn(base, "lib64/" + library), "/usr/lib/" + library,
                                     "/usr/lib64/" + library};
  if (python.libc.has_value()) places.push_back(PathIn(FolderOf(python.libc->path), library));
  if (!python.program.machine.empty())
    places.push_back(fmt::format("/usr/lib/{}-linux-gnu/{}", python.program.machine, library));
  for (const std::string& place : places) {
    const auto found = root_.Search(place, kMostProgramBytes, 64,
                                    [&](std::string_view piece) { return FullVersionIn(piece, begin); });
    if (!found.ok() || !found->has_value()) continue;
    python.version = **found;
    return;
  }
  python.notes.push_back(
      fmt::format("No file says which {}.x {} is.", python.version, Printable(python.path)));
}

void ImagePythonFinder::FillFolders(FoundPython& python, const std::string& base_prefix) const {
  const std::string folder = VersionFolder(python);
  const auto add = [&](std::string path) { python.site_folders.push_back(std::move(path)); };
  if (python.virtual_environment) {
    add(PathIn(python.prefix, fmt::format("lib/{}/site-packages", folder)));
    add(PathIn(python.prefix, fmt::format("lib64/{}/site-packages", folder)));
  } else {
    const auto managed = PathIn(base_prefix, fmt::format("lib/{}/EXTERNALLY-MANAGED", folder));
    const auto managed64 = PathIn(base_prefix, fmt::format("lib64/{}/EXTERNALLY-MANAGED", folder));
    python.externally_managed = root_.IsFile(managed) || root_.IsFile(managed64);
  }
  if (!python.virtual_environment || python.system_site_packages) {
    const std::string manager = distribution_.PackageManager();
    if (base_prefix == "/usr" && manager == "apt") {
      add(fmt::format("/usr/local/lib/{}/dist-packages", folder));
      add(fmt::format("/usr/lib/python{}/dist-packages", python.major));
      add(fmt::format("/usr/lib/{}/dist-packages", folder));
    }
    if (base_prefix == "/usr" && manager == "dnf") {
      add(fmt::format("/usr/local/lib64/{}/site-packages", folder));
      add(fmt::format("/usr/local/lib/{}/site-packages", folder));
    }
    add(PathIn(base_prefix, fmt::format("lib64/{}/site-packages", folder)));
    add(PathIn(base_prefix, fmt::format("lib/{}/site-packages", folder)));
  }
  python.installed = FindInstalled(root_, python.site_folders);
  python.notes.insert(python.notes.end(), python.installed.notes.begin(), python.installed.notes.end());
}

absl::StatusOr<FoundPython> ImagePythonFinder::LookAt(const std::string& path) const {
  FoundPython python;
  python.path = path;
  ASSIGN_OR_RETURN(python.real_path, root_.Resolve(path));
  ASSIGN_OR_RETURN(const std::string head, root_.ReadHead(python.real_path, kElfHead));
  const auto program = ReadElfHeader(head);
  if (!program.has_value()) {
    return absl::FailedPreconditionError(
        fmt::format("{} is no program for Linux (a script that starts one?)", Printable(path)));
  }
  python.program = *program;
  auto name = ReadPythonName(LastName(python.real_path));
  if (!name.has_value()) name = ReadPythonName(LastName(path));
  if (!name.has_value())
    return absl::FailedPreconditionError(fmt::format("{} is not called as Pythons are", Printable(path)));
  python.implementation = name->implementation;
  python.free_threaded = name->free_threaded;
  if (name->version.has_value()) std::tie(python.major, python.minor) = *name->version;
  auto libc = FindLibc(root_, python.program.loader, python.program.machine);
  if (libc.ok()) {
    python.libc = *std::move(libc);
  } else {
    python.notes.push_back(
        fmt::format("The C library of {} is not known: {}.", Printable(path), Sv(libc.status().message())));
  }
  FillVersion(python);
  const std::string base_prefix = FolderOf(FolderOf(python.real_path));
  // CPython looks beside and above the program as it was called, links in its name not followed.
  ASSIGN_OR_RETURN(const std::string folder, root_.Resolve(FolderOf(path)));
  python.prefix = base_prefix;
  for (const std::string& place : {folder, FolderOf(folder)}) {
    const auto settings = root_.ReadWhole(PathIn(place, "pyvenv.cfg"), kMostSettings);
    if (!settings.ok() || VenvSetting(*settings, "home").empty()) continue;
    python.virtual_environment = true;
    python.prefix = FolderOf(folder);
    python.system_site_packages =
        absl::AsciiStrToLower(VenvSetting(*settings, "include-system-site-packages")) == "true";
    break;
  }
  FillFolders(python, base_prefix);
  return python;
}

absl::StatusOr<FoundPython> ImagePythonFinder::Look(std::string_view program) const {
  const auto path = FindProgram(root_, path_variable_, program);
  if (!path.has_value())
    return absl::NotFoundError(fmt::format("the image has no {}", Printable(program.substr(0, 200))));
  const auto interpreter = InterpreterOfScript(root_, path_variable_, *path);
  if (!interpreter.has_value()) return LookAt(*path);
  if (!root_.IsFile(*interpreter)) {
    return absl::NotFoundError(fmt::format("{} runs with {}, which the image does not have", Printable(*path),
                                           Printable(*interpreter)));
  }
  return LookAt(*interpreter);
}

std::vector<FoundInstaller> ImagePythonFinder::FindInstallers() const {
  std::vector<FoundInstaller> installers;
  for (const std::string_view name : {"pip", "uv", "poetry", "pdm", "pipenv"}) {
    auto path = FindProgram(root_, path_variable_, name);
    if (!path.has_value() && name == "pip") path = FindProgram(root_, path_variable_, "pip3");
    if (!path.has_value()) continue;
    FoundInstaller installer{std::string(name), *path, ""};
    // uv's own program lies beside the Python that it was installed for.
    auto python = Look(*path);
    if (!python.ok()) python = Look(PathIn(FolderOf(*path), "python3"));
    if (python.ok()) {
      if (const InstalledPackage* package = python->installed.Find(name))
        installer.version = package->version;
    }
    installers.push_back(std::move(installer));
  }
  return installers;
}

ImagePythons ImagePythonFinder::Find() const {
  ImagePythons found;
  found.distribution = distribution_;
  std::set<std::pair<std::string, std::string>> seen;
  for (const std::string& folder : PathFolders(path_variable_)) {
    const auto listing = root_.List(folder, kMostBinEntries);
    if (!listing.ok()) continue;
    if (listing->cut) {
      found.notes.push_back(fmt::format("{} has more than {} entries; the rest was not looked at.",
                                        Printable(folder), kMostBinEntries));
    }
    for (const std::string& name : PythonNames(*listing)) {
      auto python = LookAt(PathIn(folder, name));
      if (!python.ok()) {
        found.notes.push_back(fmt::format("{}.", Sv(python.status().message())));
        continue;
      }
      if (seen.emplace(python->real_path, python->prefix).second) found.pythons.push_back(*std::move(python));
    }
  }
  found.installers = FindInstallers();
  return found;
}

absl::StatusOr<python::PythonEnvironment> EnvironmentOf(const FoundPython& python, bool linux_first,
                                                        std::string_view kernel_machine) {
  const std::string path = Printable(python.path);
  if (python.implementation != "cpython")
    return absl::FailedPreconditionError(fmt::format("{} is {}, not CPython", path, python.implementation));
  if (python.program.machine.empty())
    return absl::FailedPreconditionError(fmt::format("{} is for a processor without a known name", path));
  if (python.major == 0)
    return absl::FailedPreconditionError(fmt::format("the version of {} is not known", path));
  python::TagEnvironment tags;
  tags.python_major = python.major;
  tags.python_minor = python.minor;
  tags.free_threaded = python.free_threaded;
  tags.machine = kernel_machine.empty() ? python.program.machine : std::string(kernel_machine);
  tags.bits32 = python.program.bits32 && (tags.machine == "x86_64" || tags.machine == "aarch64");
  if (python.libc.has_value()) tags.libc = python.libc->libc;
  tags.linux_first = linux_first;
  const std::string version =
      BelongsTo(python, python.version) ? python.version : fmt::format("{}.{}.0", python.major, python.minor);
  return python::PythonEnvironment::Of(tags, version);
}

bool PrefersLinuxWheels(std::string_view pip_version) {
  const auto version = python::Version::Parse(pip_version);
  return !version.ok() || *version >= *python::Version::Parse("26.3.dev0");
}

}  // namespace crossmill::predict
