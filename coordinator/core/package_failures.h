// Why a package could not be built or found: classes with a remedy, recognised by a line of the console.
#pragma once

#include <optional>
#include <string>

#include "absl/types/span.h"

namespace crossmill::core {

struct PackageFailure {
  // "no-compiler", "header", ...: docs/formats.md lists them.
  std::string failure_class;
  // The line that gave it away, trimmed.
  std::string line;
  // What to do, naming packages of Debian and Alpine where there are any; may be empty.
  std::string remedy;
};

// The most specific class that any line matches; of several such lines the last. nullopt: none matches.
std::optional<PackageFailure> ClassifyPackageFailure(absl::Span<const std::string> lines);

}  // namespace crossmill::core
