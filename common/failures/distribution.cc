#include "common/failures/distribution.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"

namespace crossmill::failures {
namespace {

constexpr size_t kMostNumbers = 4;
constexpr size_t kMostDigits = 6;
constexpr size_t kLongestId = 32;

// Distributions that are another one by their releases and packages.
constexpr std::pair<std::string_view, std::string_view> kSame[] = {
    {"rocky", "rhel"}, {"almalinux", "rhel"}, {"centos", "rhel"}, {"ol", "rhel"}, {"raspbian", "debian"}};

// -1, 0, 1, by as many numbers as the bound has.
int Compare(const Release& release, const Release& bound) {
  for (size_t i = 0; i < bound.size(); ++i) {
    const int number = i < release.size() ? release[i] : 0;
    if (number != bound[i]) return number < bound[i] ? -1 : 1;
  }
  return 0;
}

// Words of an image's own file: lower case letters, digits and "-._" only, as os-release(5) demands.
bool IsId(std::string_view id) {
  return !id.empty() && id.size() <= kLongestId && std::all_of(id.begin(), id.end(), [](char c) {
    return absl::ascii_islower(static_cast<unsigned char>(c)) ||
           absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
  });
}

std::string Canonical(std::string_view id) {
  for (const auto& [name, same] : kSame) {
    if (id == name) return std::string(same);
  }
  return std::string(id);
}

}  // namespace

Release ParseRelease(std::string_view text) {
  Release release;
  size_t at = 0;
  while (release.size() < kMostNumbers) {
    const size_t begin = at;
    int number = 0;
    while (at < text.size() && absl::ascii_isdigit(static_cast<unsigned char>(text[at]))) {
      if (at - begin == kMostDigits) return {};
      number = number * 10 + (text[at++] - '0');
    }
    if (at == begin) break;
    release.push_back(number);
    if (at == text.size() || text[at] != '.') break;
    ++at;
  }
  return release;
}

std::optional<ReleaseRange> ReleaseRange::Parse(std::string_view text) {
  const auto bound = [](std::string_view part, Release* release) {
    *release = ParseRelease(part);
    // All of it is the release.
    return absl::StrJoin(*release, ".").size() <= part.size() && !release->empty() &&
           part.find_first_not_of("0123456789.") == part.npos && part.find("..") == part.npos &&
           part.back() != '.' && part.front() != '.';
  };
  ReleaseRange range;
  const size_t dots = text.find("..");
  if (dots == text.npos) {
    if (!bound(text, &range.from)) return std::nullopt;
    range.to = range.from;
    return range;
  }
  const std::string_view from = text.substr(0, dots), to = text.substr(dots + 2);
  if (from.empty() && to.empty()) return std::nullopt;
  if (!from.empty() && !bound(from, &range.from)) return std::nullopt;
  if (!to.empty() && !bound(to, &range.to)) return std::nullopt;
  return range;
}

bool ReleaseRange::Contains(const Release& release) const {
  return !release.empty() && Compare(release, from) >= 0 && Compare(release, to) <= 0;
}

Distribution Distribution::Of(const v1::RootFacts& root) {
  Distribution distribution;
  if (!IsId(root.distribution())) return distribution;
  distribution.name = root.distribution();
  distribution.id = Canonical(root.distribution());
  for (const std::string& like : root.like()) {
    if (IsId(like)) distribution.like.push_back(Canonical(like));
  }
  distribution.release = ParseRelease(root.release());
  return distribution;
}

std::string Distribution::Name() const {
  std::string shown = name == "rhel" ? "RHEL" : name;
  if (!shown.empty()) shown[0] = absl::ascii_toupper(static_cast<unsigned char>(shown[0]));
  if (release.empty()) return shown;
  // Ubuntu's "22.04" is {22, 4}.
  if (id == "ubuntu" && release.size() > 1) return fmt::format("{} {}.{:02}", shown, release[0], release[1]);
  return fmt::format("{} {}", shown, absl::StrJoin(release, "."));
}

}  // namespace crossmill::failures
