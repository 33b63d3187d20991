// Names of Python packages and of their files (PEP 503, PEP 427, PEP 625).
#include <algorithm>
#include <array>

#include "absl/strings/str_split.h"
#include "coordinator/core/console_packages.h"

namespace crossmill::core {
namespace {

constexpr std::array<std::string_view, 6> kSourceSuffixes = {".tar.gz", ".zip",    ".tar.bz2",
                                                             ".tar.xz", ".tar.lz", ".tgz"};

bool IsLetterOrDigit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

PackageFile ParseWheel(std::string_view stem) {
  std::vector<std::string> parts = absl::StrSplit(absl::string_view(stem.data(), stem.size()), '-');
  // NAME-VERSION(-BUILD)?-PYTHON-ABI-PLATFORM
  if (parts.size() != 5 && parts.size() != 6) return {};
  const size_t first_tag = parts.size() - 3;
  return {NormalisePackageName(parts[0]), parts[1],
          parts[first_tag] + "-" + parts[first_tag + 1] + "-" + parts[first_tag + 2], true};
}

}  // namespace

std::string NormalisePackageName(std::string_view name) {
  std::string normalised;
  bool separated = false;
  for (const char c : name) {
    if (c == '-' || c == '_' || c == '.') {
      separated = true;
      continue;
    }
    if (separated && !normalised.empty()) normalised.push_back('-');
    separated = false;
    normalised.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
  }
  return normalised;
}

PackageFile ParsePackageFile(std::string_view file_name) {
  file_name = file_name.substr(0, file_name.find_first_of("#?"));
  if (const size_t slash = file_name.rfind('/'); slash != file_name.npos) file_name.remove_prefix(slash + 1);
  if (file_name.ends_with(".whl")) return ParseWheel(file_name.substr(0, file_name.size() - 4));
  for (const std::string_view suffix : kSourceSuffixes) {
    if (!file_name.ends_with(suffix)) continue;
    const std::string_view stem = file_name.substr(0, file_name.size() - suffix.size());
    // Names may have dashes, versions have none: the last dash separates.
    const size_t dash = stem.rfind('-');
    if (dash == stem.npos || dash == 0 || dash + 1 == stem.size()) return {};
    if (!std::all_of(stem.begin(), stem.begin() + 1, IsLetterOrDigit)) return {};
    return {NormalisePackageName(stem.substr(0, dash)), std::string(stem.substr(dash + 1)), "", false};
  }
  return {};
}

bool IsLocallyCompiledTag(std::string_view tag) {
  const size_t dash = tag.rfind('-');
  if (dash == tag.npos) return false;
  const std::string_view platforms = tag.substr(dash + 1);
  for (const auto platform : absl::StrSplit(absl::string_view(platforms.data(), platforms.size()), '.')) {
    // The index takes linux_armv6l and linux_armv7l wheels as they are (piwheels' platforms).
    if (absl::string_view(platform).substr(0, 6) == "linux_" && platform != "linux_armv6l" &&
        platform != "linux_armv7l") {
      return true;
    }
  }
  return false;
}

}  // namespace crossmill::core
