// Requirements (PEP 508): `name[extra] >=1.0 ; python_version < "3.9"`, or with an address: `name @
// https://...`. Agrees with `packaging.requirements` 26 about what is one.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/python/marker.h"
#include "common/python/specifier.h"

namespace crossmill::python {

struct Requirement {
  // INVALID_ARGUMENT "column N: ..." with what was expected there.
  static absl::StatusOr<Requirement> Parse(std::string_view text);

  // Whether it counts in this environment: without a marker always; with extras if it holds for one of them,
  // as pip asks it. Errors are those of Marker::Evaluate.
  absl::StatusOr<bool> Applies(MarkerEnvironment environment,
                               const std::vector<std::string>& extras = {}) const;

  // As given, and in its normal form.
  std::string name;
  std::string normal_name;
  // As given, in their order.
  std::vector<std::string> extras;
  SpecifierSet specifier;
  // Not empty: the place where it is; then there is no specifier.
  std::string url;
  std::optional<Marker> marker;
};

}  // namespace crossmill::python
