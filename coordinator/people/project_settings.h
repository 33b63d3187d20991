// What can be said of a project, and what may be its name. Pure.
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "crossmill/v1/people.pb.h"

namespace crossmill::coordinator {

// INVALID_ARGUMENT: expected small letters, digits and "-", at most 40, beginning with a letter. So that a
// name is one word in every file, table and address.
absl::Status CheckProjectName(std::string_view name);

// "running-steps=N", "queued-builds=N", "image-bytes=SIZE" (0: no limit). INVALID_ARGUMENT says what is
// expected, and changes nothing.
absl::Status ApplyProjectSetting(std::string_view setting, v1::Project* project);

}  // namespace crossmill::coordinator
