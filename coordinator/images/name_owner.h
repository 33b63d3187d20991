// Whose the name of an image is.
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "coordinator/core/standing/author.h"
#include "coordinator/images/image_records.h"

namespace crossmill::coordinator {

// PERMISSION_DENIED, with what to do, unless the author may let the name mean something else, or nothing: its
// own, and those from before owners were recorded. What a registry gave is the operator's: a recipe that says
// FROM python gets what the registry has, not what somebody called so.
absl::Status CheckMayName(const core::Author& author, const ImageRecord& image);

// Whose the name is after the author gave it: an operator changes what is another's, not whose it is.
std::optional<std::string> OwnerAfter(const core::Author& author, const std::optional<ImageRecord>& known);

}  // namespace crossmill::coordinator
