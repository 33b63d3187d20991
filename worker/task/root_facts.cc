#include "worker/task/root_facts.h"

#include <algorithm>
#include <optional>
#include <set>
#include <vector>

#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/base/utf8.h"
#include "worker/task/root_reader.h"

namespace crossmill::worker {
namespace {

// Beyond these it is no distribution that anybody made.
constexpr size_t kLongestOsRelease = 64 << 10;
constexpr size_t kLongestApkRecord = 32 << 20;
constexpr size_t kMostPathFolders = 32;
constexpr size_t kMostFolderNames = 64 << 10;
constexpr size_t kMostPackages = 8192;
constexpr size_t kLongestFact = 128;
constexpr std::string_view kUsualPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// What remedies depend on (common/failures/remedy): package managers, compilers, and what a build may need
// besides.
constexpr std::string_view kPrograms[] = {"apt-get", "apk",   "dnf",   "microdnf", "yum",      "cc",
                                          "gcc",     "clang", "c++",   "g++",      "clang++",  "pkg-config",
                                          "pkgconf", "cmake", "ninja", "make",     "gfortran", "cargo",
                                          "rustc",   "git",   "swig",  "python3"};

std::string RelativePath(std::string_view path) {
  while (path.starts_with('/')) path.remove_prefix(1);
  return std::string(path);
}

std::string_view PathOf(const v1::Run& run) {
  std::string_view path = kUsualPath;
  for (const std::string& entry : run.env()) {
    if (std::string_view(entry).starts_with("PATH=")) path = std::string_view(entry).substr(5);
  }
  return path;
}

void AddPrograms(const RootReader& root, std::string_view path, v1::RootFacts* facts) {
  size_t folders = 0;
  for (const auto piece : absl::StrSplit(Av(path), ':')) {
    std::string folder(Sv(piece));
    if (!folder.starts_with('/') || ++folders > kMostPathFolders) continue;
    while (folder.ends_with('/')) folder.pop_back();
    const std::string inside = RelativePath(folder);
    // /bin is a link to /usr/bin, which is on the path as well.
    if (!root.IsFolder(inside)) continue;
    for (const std::string_view program : kPrograms) {
      if (root.Exists(fmt::format("{}/{}", inside, program)))
        facts->add_paths(fmt::format("{}/{}", folder, program));
    }
  }
}

void AddPythonHeaders(const RootReader& root, v1::RootFacts* facts) {
  for (const std::string folder : {"usr/include", "usr/local/include"}) {
    for (const std::string& name : root.List(folder, kMostFolderNames)) {
      if (!name.starts_with("python3")) continue;
      const std::string header = fmt::format("{}/{}/Python.h", folder, name);
      if (root.Exists(header)) facts->add_paths("/" + header);
    }
  }
}

std::set<std::string> DebianPackages(const RootReader& root) {
  std::set<std::string> packages;
  for (const std::string& name : root.List("var/lib/dpkg/info", kMostFolderNames)) {
    // "libpq-dev:amd64.list" or "cmake.list".
    if (!name.ends_with(".list")) continue;
    packages.insert(name.substr(0, std::min(name.find(':'), name.size() - 5)));
  }
  return packages;
}

std::set<std::string> AlpinePackages(const RootReader& root) {
  std::set<std::string> packages;
  std::optional<std::string> record = root.ReadWhole("lib/apk/db/installed", kLongestApkRecord);
  if (!record) record = root.ReadWhole("usr/lib/apk/db/installed", kLongestApkRecord);
  if (!record) return packages;
  for (const auto line : absl::StrSplit(*record, '\n')) {
    if (Sv(line).starts_with("P:")) packages.insert(std::string(Sv(line).substr(2)));
  }
  return packages;
}

}  // namespace

std::string OsReleaseValue(std::string_view text, std::string_view name) {
  for (const auto piece : absl::StrSplit(Av(text), '\n')) {
    std::string_view line = Trim(Sv(piece));
    if (!line.starts_with(name) || line.substr(name.size(), 1) != "=") continue;
    line.remove_prefix(name.size() + 1);
    if (line.size() >= 2 && (line[0] == '"' || line[0] == '\'') && line.back() == line[0])
      line = line.substr(1, line.size() - 2);
    std::string value;
    for (const char c : line.substr(0, kLongestFact)) {
      if (c != '\\') value.push_back(c);
    }
    return value;
  }
  return {};
}

v1::RootFacts ReadRootFacts(const std::string& root, const v1::Run& run) {
  const RootReader reader(root);
  v1::RootFacts facts;
  // The first is usually a link to the second, and links are not followed.
  std::optional<std::string> release = reader.ReadWhole("etc/os-release", kLongestOsRelease);
  if (!release) release = reader.ReadWhole("usr/lib/os-release", kLongestOsRelease);
  if (release) {
    facts.set_distribution(ValidUtf8(OsReleaseValue(*release, "ID")));
    for (const auto like : absl::StrSplit(OsReleaseValue(*release, "ID_LIKE"), ' ', absl::SkipEmpty()))
      facts.add_like(ValidUtf8(Sv(like)));
    facts.set_release(ValidUtf8(OsReleaseValue(*release, "VERSION_ID")));
  }
  AddPrograms(reader, PathOf(run), &facts);
  AddPythonHeaders(reader, &facts);
  std::set<std::string> packages = DebianPackages(reader);
  packages.merge(AlpinePackages(reader));
  for (const std::string& package : packages) {
    if (facts.packages_size() == static_cast<int>(kMostPackages)) break;
    if (package.size() <= kLongestFact) facts.add_packages(ValidUtf8(package));
  }
  return facts;
}

}  // namespace crossmill::worker
