// File names of wheels (PEP 427, PEP 425; no two underscores side by side in a name): project, version, build
// tag, and the tags that they name in compressed form. What is not such a name is refused, nothing is
// guessed.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/python/version.h"

namespace crossmill::python {

// "1abc" is (1, "abc").
struct BuildTag {
  Number number;
  std::string rest;
  friend bool operator==(const BuildTag&, const BuildTag&) = default;
  friend std::strong_ordering operator<=>(const BuildTag& a, const BuildTag& b);
};

struct Tag {
  std::string python;
  std::string abi;
  std::string platform;
  // "cp311-cp311-manylinux_2_17_x86_64"
  std::string Text() const { return python + "-" + abi + "-" + platform; }
  friend bool operator==(const Tag&, const Tag&) = default;
};

struct WheelName {
  // Of the file's name alone, without a folder; INVALID_ARGUMENT says what is wrong.
  static absl::StatusOr<WheelName> Parse(std::string_view file_name);

  // Each combination of the three lists.
  std::vector<Tag> Tags() const;

  // Normalised.
  std::string project;
  Version version;
  // No build tag is less than any.
  std::optional<BuildTag> build;
  // Lower case, none of them empty.
  std::vector<std::string> pythons;
  std::vector<std::string> abis;
  std::vector<std::string> platforms;
};

}  // namespace crossmill::python
