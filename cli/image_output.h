// Finished images as OCI layout tars.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "cli/session.h"

namespace crossmill::cli {

// Writes the image (a name in the store or "sha256:...") with everything it refers to. `destination`
// is a file, which appears whole or not at all, or "-" for standard output. `names` are what the
// layout's index calls it.
absl::Status WriteImage(Session& session, std::string_view image, const std::vector<std::string>& names,
                        const std::string& destination);

}  // namespace crossmill::cli
