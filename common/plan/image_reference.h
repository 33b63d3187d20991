// The form of image references, checked before anyone tries to pull one (common/oci parses them).
#pragma once

#include <string>
#include <string_view>

#include "absl/types/span.h"

namespace crossmill::plan {

// [REGISTRY[:PORT]/]NAME[/NAME...][:TAG][@DIGEST].
bool IsImageReference(std::string_view text);

// For a name that is none: a stage with a similar name, else what a reference looks like.
std::string ReferenceHint(std::string_view text, absl::Span<const std::string> stage_names);

}  // namespace crossmill::plan
