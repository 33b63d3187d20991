// Environment markers (PEP 508; extras by PEP 685): `python_version < "3.9" and extra == "test"`. Agrees with
// `packaging.markers` 26, which the tests compare it with.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/python/syntax_cursor.h"

namespace crossmill::python {

// What the variables of markers are, by their names: "python_version", "sys_platform", ... `extra` is the one
// that is being looked at, or empty. A variable that is not there is an error only for a marker that asks for
// it.
using MarkerEnvironment = std::map<std::string, std::string, std::less<>>;

// Immutable; copies share the tree.
class Marker {
 public:
  struct Node;

  // INVALID_ARGUMENT "column N: ..."; at most 200 parentheses inside each other.
  static absl::StatusOr<Marker> Parse(std::string_view text);
  // Reads as much as is a marker and leaves the cursor behind it.
  static absl::StatusOr<Marker> Read(SyntaxCursor& cursor);

  // A variable whose values are versions (python_version, python_full_version, implementation_version,
  // platform_release) is compared as one if the other side makes a specifier; all else as texts, where < and
  // > never hold and <= and >= mean equal. INVALID_ARGUMENT for what has no meaning: ~= or === between texts,
  // a comparison without a variable; NOT_FOUND for a variable that the environment does not have.
  absl::StatusOr<bool> Evaluate(const MarkerEnvironment& environment) const;

  // In one spelling: double quotes, single blanks, parentheses where they are needed.
  std::string Text() const;

 private:
  explicit Marker(std::shared_ptr<const Node> root) : root_(std::move(root)) {}

  std::shared_ptr<const Node> root_;
};

}  // namespace crossmill::python
