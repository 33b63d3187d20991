// Names of Python packages and of their files (PEP 503, PEP 427, PEP 625).
#include <algorithm>
#include <array>

#include "absl/strings/str_split.h"
#include "common/packages/console_packages.h"

namespace crossmill::packages {
namespace {

constexpr std::array<std::string_view, 6> kSourceSuffixes = {".tar.gz", ".zip",    ".tar.bz2",
                                                             ".tar.xz", ".tar.lz", ".tgz"};

bool IsLetterOrDigit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// "2.0.1%2Bcpu": names in addresses are escaped.
std::string Unescape(std::string_view text) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
  };
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 2 && digit(text[i + 1]) < 8 &&
        digit(text[i + 2]) >= 0) {
      plain.push_back(static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2])));
      i += 2;
    } else {
      plain.push_back(text[i]);
    }
  }
  return plain;
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
  const std::string plain = Unescape(file_name);
  file_name = plain;
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

bool IsPackageName(std::string_view name) {
  if (name.empty() || name.size() > 200) return false;
  if (!IsLetterOrDigit(name.front()) || !IsLetterOrDigit(name.back())) return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return IsLetterOrDigit(c) || c == '-' || c == '_' || c == '.'; });
}

namespace {

// "alpha" -> "a", and so on; others as they are.
std::string_view ShortPhase(std::string_view phase) {
  if (phase == "alpha") return "a";
  if (phase == "beta") return "b";
  if (phase == "c" || phase == "pre" || phase == "preview") return "rc";
  if (phase == "rev" || phase == "r") return "post";
  return phase;
}

// Runs of digits without zeros in front, runs of letters in their short form.
std::string PartsOf(std::string_view version) {
  std::string text;
  for (size_t i = 0; i < version.size();) {
    size_t end = i;
    const auto is = [&](size_t at, char low, char high) { return version[at] >= low && version[at] <= high; };
    if (is(i, '0', '9')) {
      while (end < version.size() && is(end, '0', '9')) ++end;
      while (i + 1 < end && version[i] == '0') ++i;
      if (!text.empty() && text.back() >= '0' && text.back() <= '9') text.push_back('.');
      text += version.substr(i, end - i);
    } else if (is(i, 'a', 'z')) {
      while (end < version.size() && is(end, 'a', 'z')) ++end;
      // "1.0.0a1" is "1a1".
      while (text.ends_with(".0")) text.resize(text.size() - 2);
      text += ShortPhase(version.substr(i, end - i));
    } else {
      ++end;
    }
    i = end;
  }
  return text;
}

}  // namespace

std::string CanonicalVersion(std::string_view version) {
  std::string lower;
  for (const char c : version) lower.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
  std::string_view rest = lower;
  if (rest.starts_with("v")) rest.remove_prefix(1);
  // An epoch of 0 says nothing.
  if (rest.starts_with("0!")) rest.remove_prefix(2);
  const size_t plus = rest.find('+');
  std::string text = PartsOf(rest.substr(0, plus));
  while (text.ends_with(".0") && text.find_first_not_of("0123456789.") == text.npos)
    text.resize(text.size() - 2);
  if (plus != rest.npos) text += "+" + PartsOf(rest.substr(plus + 1));
  return text;
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

}  // namespace crossmill::packages
