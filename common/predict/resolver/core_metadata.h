// Core metadata of a package (METADATA of a wheel, PKG-INFO of a source): what resolution asks of it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/python/requirement.h"

namespace crossmill::predict {

struct CoreMetadata {
  // As it stands there, empty where it does not.
  std::string metadata_version;
  std::string name;
  std::string version;
  // nullopt: none, or one that cannot be read, which pip passes over.
  std::optional<python::SpecifierSet> requires_python;
  std::string requires_python_text;
  std::vector<python::Requirement> requirements;
  // Normalised.
  std::vector<std::string> extras;
  // Lower case: fields that only a build says.
  std::vector<std::string> dynamic;

  // Whether a source's PKG-INFO says what its wheel will require: from version 2.2 on, unless it calls it
  // dynamic.
  bool DependenciesAreStatic() const;
};

// Header fields up to the first empty line, long ones over several lines. INVALID_ARGUMENT names the
// requirement that is none (pip leaves such a version out); RESOURCE_EXHAUSTED for more than 1 MiB of fields
// or 10,000 requirements.
absl::StatusOr<CoreMetadata> ReadCoreMetadata(std::string_view text);

}  // namespace crossmill::predict
