// The XML that servers of buckets answer with: small documents without attributes that matter. Pure; bytes of
// a stranger, so bounded: no entities of one's own, no document types, at most 16 levels.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace crossmill::bucket {

struct XmlElement {
  // Without namespace prefix.
  std::string name;
  // What stands in it directly, references replaced; of elements that hold others, spaces.
  std::string text;
  std::vector<XmlElement> children;

  // The text of the first child of that name; empty if there is none.
  std::string_view Text(std::string_view child) const;
};

// The root. INVALID_ARGUMENT says what is wrong where.
absl::StatusOr<XmlElement> ParseXml(std::string_view text);

}  // namespace crossmill::bucket
