// Where C libraries lie, and how they say their versions.
#include "common/predict/image/image_libc.h"

#include <charconv>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "common/base/paths.h"
#include "common/base/status.h"
#include "common/base/utf8.h"

namespace crossmill::predict {
namespace {

constexpr uint64_t kMostLibraryBytes = uint64_t{64} << 20;
constexpr size_t kBanner = 400;
constexpr size_t kMostRecordBytes = size_t{32} << 20;

bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }

// As many digits and points as `text` begins with.
std::string_view LeadingVersion(std::string_view text) {
  size_t length = 0;
  while (length < text.size() && (IsDigit(text[length]) || text[length] == '.')) ++length;
  while (length > 0 && text[length - 1] == '.') --length;
  return text.substr(0, length);
}

// MAJOR.MINOR of what begins with them.
bool ReadNumbers(std::string_view version, python::Libc& libc) {
  const char* end = version.data() + version.size();
  const auto major = std::from_chars(version.data(), end, libc.major);
  if (major.ec != std::errc() || major.ptr == end || *major.ptr != '.') return false;
  return std::from_chars(major.ptr + 1, end, libc.minor).ec == std::errc();
}

// "GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36."
std::optional<std::string> GlibcVersionIn(std::string_view piece) {
  constexpr std::string_view kName = "GNU C Library";
  constexpr std::string_view kWords = "release version ";
  for (size_t at = piece.find(kName); at != piece.npos; at = piece.find(kName, at + 1)) {
    const std::string_view banner = piece.substr(at, kBanner);
    const size_t words = banner.find(kWords);
    if (words == banner.npos) continue;
    const std::string_view rest = banner.substr(words + kWords.size());
    const std::string_view version = LeadingVersion(rest);
    // A version that goes on behind the piece is found in the next one.
    if (!version.empty() && version.size() < rest.size()) return std::string(version);
  }
  return std::nullopt;
}

// A text of its own that is "1.N.N", as musl's version is.
std::optional<std::string> MuslVersionIn(std::string_view piece) {
  constexpr std::string_view kBegin("\0001.", 3);
  for (size_t at = piece.find(kBegin); at != piece.npos; at = piece.find(kBegin, at + 1)) {
    const std::string_view text = piece.substr(at + 1, piece.find('\0', at + 1) - at - 1);
    // A development version has "-git-12-gabc" behind it.
    const std::string_view version = LeadingVersion(text.substr(0, 40));
    const std::vector<std::string> parts = absl::StrSplit(Av(version), '.');
    if (parts.size() == 3 &&
        (version.size() == text.size() || text.substr(version.size()).starts_with("-git-")))
      return std::string(version);
  }
  return std::nullopt;
}

// The version of a package in apk's list of what is installed, without the release.
std::string ApkVersion(const RootPaths& root, std::string_view package) {
  for (const char* path : {"/lib/apk/db/installed", "/usr/lib/apk/db/installed"}) {
    const auto records = root.ReadWhole(path, kMostRecordBytes);
    if (!records.ok()) continue;
    const std::string name = fmt::format("P:{}\nV:", package);
    size_t at = records->starts_with(name) ? 0 : records->find("\n" + name);
    if (at == records->npos) continue;
    at = records->find("V:", at) + 2;
    return std::string(LeadingVersion(std::string_view(*records).substr(at, 40)));
  }
  return "";
}

// The folder of libraries that Debian calls by the architecture; empty for what has none.
std::string Triplet(std::string_view machine) {
  if (machine == "i686") return "i386-linux-gnu";
  if (machine == "armv7l") return "arm-linux-gnueabihf";
  if (machine == "armv6l") return "arm-linux-gnueabi";
  if (machine == "ppc64le") return "powerpc64le-linux-gnu";
  return fmt::format("{}-linux-gnu", machine);
}

std::vector<std::string> GlibcPlaces(const RootPaths& root, std::string_view loader,
                                     std::string_view machine) {
  std::vector<std::string> folders;
  // The loader and the library come together, where the loader's link leads to.
  if (const auto real = root.Resolve(loader); real.ok()) folders.push_back(FolderOf(*real));
  const std::string triplet = Triplet(machine);
  folders.push_back("/lib/" + triplet);
  folders.push_back("/usr/lib/" + triplet);
  // An Arm program of armhf's loader may be one of an older ABI by its flags.
  if (machine == "armv6l") folders.emplace_back("/lib/arm-linux-gnueabihf");
  for (const char* folder : {"/lib64", "/usr/lib64", "/lib", "/usr/lib", "/lib32", "/usr/lib32"})
    folders.emplace_back(folder);
  for (std::string& folder : folders) folder = PathIn(folder, "libc.so.6");
  return folders;
}

absl::StatusOr<FoundLibc> FindGlibc(const RootPaths& root, std::string_view loader,
                                    std::string_view machine) {
  for (const std::string& path : GlibcPlaces(root, loader, machine)) {
    const auto version = root.Search(path, kMostLibraryBytes, kBanner, GlibcVersionIn);
    FoundLibc found;
    found.libc.kind = python::Libc::Kind::kGlibc;
    if (!version.ok() || !version->has_value() || !ReadNumbers(**version, found.libc)) continue;
    found.version = **version;
    found.path = path;
    return found;
  }
  return absl::NotFoundError(
      fmt::format("no libc.so.6 that names its version beside {}", Printable(loader.substr(0, 200))));
}

absl::StatusOr<FoundLibc> FindMusl(const RootPaths& root, std::string_view loader) {
  FoundLibc found;
  found.libc.kind = python::Libc::Kind::kMusl;
  found.path = std::string(loader);
  const auto version = root.Search(loader, kMostLibraryBytes, 64, MuslVersionIn);
  found.version = version.ok() && version->has_value() ? **version : ApkVersion(root, "musl");
  if (!ReadNumbers(found.version, found.libc)) {
    return absl::NotFoundError(
        fmt::format("musl's loader {} does not name its version", Printable(loader.substr(0, 200))));
  }
  return found;
}

}  // namespace

absl::StatusOr<FoundLibc> FindLibc(const RootPaths& root, std::string_view loader, std::string_view machine) {
  if (loader.empty()) return absl::NotFoundError("a program without a loader says no C library");
  if (LastName(loader).starts_with("ld-musl-")) return FindMusl(root, loader);
  return FindGlibc(root, loader, machine);
}

}  // namespace crossmill::predict
