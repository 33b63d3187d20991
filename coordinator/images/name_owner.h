// Whose the name of an image is, and what it means to a project.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/core/standing/author.h"
#include "coordinator/core/standing/scope.h"
#include "coordinator/images/image_records.h"

namespace crossmill::coordinator {

// What the name means to who sees `scope`: an image of the project, else one that everybody may see; nothing
// if there is none. To who sees all, the one in the project that every farm has, else the only one of
// another; FAILED_PRECONDITION, with what to do, if there are several.
absl::StatusOr<std::optional<ImageRecord>> FindVisible(ImageRecords& records, const core::Scope& scope,
                                                       std::string_view name);

// PERMISSION_DENIED, with what to do, unless the author may let the name mean something else, or nothing: its
// own, and those from before owners were recorded. What a registry gave is the operator's: a recipe that says
// FROM python gets what the registry has, not what somebody called so.
absl::Status CheckMayName(const core::Author& author, const ImageRecord& image);

// Whose the name is after the author gave it: an operator changes what is another's, not whose it is.
std::optional<std::string> OwnerAfter(const core::Author& author, const std::optional<ImageRecord>& known);

}  // namespace crossmill::coordinator
