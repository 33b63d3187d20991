// --build-context NAME=VALUE: what the value means. Pure.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace crossmill::cli {

struct NamedContextFlag {
  enum class Kind { kFolder, kImage, kLayout, kGit, kHttp };
  // Lower case; "NAME::PLATFORM" holds for that platform only.
  std::string name;
  Kind kind = Kind::kFolder;
  // Folder, image reference, layout folder or URL.
  std::string value;
  // The image of a layout: a tag, or "sha256:..."; empty: its only one.
  std::string choose;
};

// INVALID_ARGUMENT says which forms there are.
absl::StatusOr<NamedContextFlag> ParseNamedContext(std::string_view text);

}  // namespace crossmill::cli
