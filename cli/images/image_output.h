// Finished images as files: OCI layouts, docker's archives, root file systems as tars and folders.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "cli/recipe/build_flags.h"
#include "cli/session/session.h"

namespace crossmill::cli {

struct ImageToWrite {
  // In the store, or "sha256:...".
  std::string image;
  // Names in the archive's index.
  std::vector<std::string> names;
  // Annotations of the index's descriptor in an OCI layout.
  std::map<std::string, std::string> annotations;
};

// A file appears whole or not at all; a folder gets what it has not, and keeps the rest. Things that could
// not be written as they are (devices in a folder) are said on standard error. INVALID_ARGUMENT if the type
// cannot hold several platforms.
absl::Status WriteImage(Session& session, const ImageToWrite& image, const OutputTarget& target);

}  // namespace crossmill::cli
