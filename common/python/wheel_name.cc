// Taking file names of wheels apart.
#include "common/python/wheel_name.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/python/package_name.h"

namespace crossmill::python {
namespace {

// Of Pythons and ABIs in one name; real ones have a dozen. Each is looked at for each environment.
constexpr size_t kMostPairs = 256;

absl::Status NotAWheel(std::string_view file_name, std::string_view why) {
  return absl::InvalidArgumentError(
      fmt::format("'{}' is not the name of a wheel: {}", Printable(file_name.substr(0, 200)), why));
}

bool IsProjectPart(std::string_view name) {
  return !name.empty() && name.find("__") == name.npos && std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.';
  });
}

std::optional<BuildTag> ReadBuildTag(std::string_view text) {
  size_t digits = 0;
  while (digits < text.size() && absl::ascii_isdigit(static_cast<unsigned char>(text[digits]))) ++digits;
  if (digits == 0) return std::nullopt;
  return BuildTag{Number(text.substr(0, digits)), std::string(text.substr(digits))};
}

bool IsIdentifier(std::string_view text) {
  return !text.empty() && !absl::ascii_isdigit(static_cast<unsigned char>(text.front())) &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_'; });
}

// "py2.py3" -> two; empty if one of them is.
std::vector<std::string> ReadTagSet(std::string_view text) {
  std::vector<std::string> tags = absl::StrSplit(absl::AsciiStrToLower(Av(text)), '.');
  if (std::any_of(tags.begin(), tags.end(), [](const std::string& tag) { return tag.empty(); })) return {};
  return tags;
}

}  // namespace

std::strong_ordering operator<=>(const BuildTag& a, const BuildTag& b) {
  if (const auto order = a.number <=> b.number; std::is_neq(order)) return order;
  return a.rest.compare(b.rest) <=> 0;
}

absl::StatusOr<WheelName> WheelName::Parse(std::string_view file_name) {
  if (!file_name.ends_with(".whl")) return NotAWheel(file_name, "it does not end with .whl");
  const std::string_view stem = file_name.substr(0, file_name.size() - 4);
  const std::vector<std::string> parts = absl::StrSplit(Av(stem), '-');
  if (parts.size() != 5 && parts.size() != 6) {
    return NotAWheel(file_name, fmt::format("it has {} parts between dashes, not 5 or 6", parts.size()));
  }
  WheelName wheel;
  if (!IsProjectPart(parts[0])) return NotAWheel(file_name, "its project has letters that may not be there");
  wheel.project = NormaliseName(parts[0]);
  auto version = Version::Parse(parts[1]);
  if (!version.ok()) return NotAWheel(file_name, Sv(version.status().message()));
  wheel.version = *std::move(version);
  if (parts.size() == 6) {
    wheel.build = ReadBuildTag(parts[2]);
    if (!wheel.build.has_value()) return NotAWheel(file_name, "its build tag does not begin with a digit");
  }
  const size_t first = parts.size() - 3;
  wheel.pythons = ReadTagSet(parts[first]);
  wheel.abis = ReadTagSet(parts[first + 1]);
  wheel.platforms = ReadTagSet(parts[first + 2]);
  if (wheel.pythons.empty() || wheel.abis.empty() || wheel.platforms.empty()) {
    return NotAWheel(file_name, "one of its tags is empty");
  }
  if (wheel.pythons.size() * wheel.abis.size() > kMostPairs) {
    return NotAWheel(file_name, fmt::format("its Pythons and ABIs make more than {} pairs", kMostPairs));
  }
  if (!std::all_of(wheel.pythons.begin(), wheel.pythons.end(), IsIdentifier)) {
    return NotAWheel(file_name, "its Python tag is not a word");
  }
  return wheel;
}

std::vector<Tag> WheelName::Tags() const {
  std::vector<Tag> tags;
  for (const std::string& python : pythons) {
    for (const std::string& abi : abis) {
      for (const std::string& platform : platforms) tags.push_back({python, abi, platform});
    }
  }
  return tags;
}

}  // namespace crossmill::python
