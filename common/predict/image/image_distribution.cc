// os-release(5).
#include "common/predict/image/image_distribution.h"

#include <array>
#include <string_view>
#include <utility>

#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/base/utf8.h"

namespace crossmill::predict {
namespace {

constexpr size_t kMostReleaseBytes = 64 * 1024;

// A value without its quotes; a backslash takes the next character as it is.
std::string Unquoted(std::string_view value) {
  const bool quoted = value.size() >= 2 && (value[0] == '"' || value[0] == '\'') && value.back() == value[0];
  const bool plain = quoted && value[0] == '\'';
  if (quoted) value = value.substr(1, value.size() - 2);
  std::string text;
  for (size_t i = 0; i < value.size(); ++i) {
    if (value[i] == '\\' && !plain && i + 1 < value.size()) ++i;
    text += value[i];
  }
  return Printable(text);
}

void TakeLine(std::string_view line, Distribution& found) {
  line = Trim(line);
  const size_t equals = line.find('=');
  if (equals == line.npos || line.starts_with('#')) return;
  const std::string_view name = line.substr(0, equals);
  const std::string value = Unquoted(line.substr(equals + 1));
  if (name == "ID") found.id = value;
  if (name == "ID_LIKE") found.like = absl::StrSplit(value, ' ', absl::SkipEmpty());
  if (name == "VERSION_ID") found.version = value;
  if (name == "VERSION_CODENAME") found.codename = value;
  if (name == "PRETTY_NAME") found.name = value;
}

}  // namespace

std::string Distribution::PackageManager() const {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 16> kManagers = {
      {{"debian", "apt"},
       {"ubuntu", "apt"},
       {"raspbian", "apt"},
       {"alpine", "apk"},
       {"wolfi", "apk"},
       {"chainguard", "apk"},
       {"fedora", "dnf"},
       {"rhel", "dnf"},
       {"centos", "dnf"},
       {"rocky", "dnf"},
       {"almalinux", "dnf"},
       {"amzn", "dnf"},
       {"suse", "zypper"},
       {"opensuse", "zypper"},
       {"sles", "zypper"},
       {"arch", "pacman"}}};
  std::vector<std::string> names = {id};
  names.insert(names.end(), like.begin(), like.end());
  for (const std::string& name : names) {
    for (const auto& [distribution, manager] : kManagers) {
      if (name == distribution || (distribution == "opensuse" && name.starts_with("opensuse-")))
        return std::string(manager);
    }
  }
  return "";
}

Distribution FindDistribution(const RootPaths& root) {
  Distribution found;
  for (const char* path : {"/etc/os-release", "/usr/lib/os-release"}) {
    const auto text = root.ReadWhole(path, kMostReleaseBytes);
    if (!text.ok()) continue;
    for (const absl::string_view line : absl::StrSplit(*text, '\n')) TakeLine(Sv(line), found);
    break;
  }
  return found;
}

}  // namespace crossmill::predict
