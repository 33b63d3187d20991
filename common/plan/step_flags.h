// What every RUN step of a build gets, as docker build's flags say it: the command line and BuildKit's
// clients mean the same by them. Pure.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crossmill/v1/build.pb.h"

namespace crossmill::plan {

// --add-host: "NAME:ADDRESS" or "NAME=ADDRESS", an IPv6 address with or without brackets, to "ADDRESS NAME".
absl::StatusOr<std::string> ParseExtraHost(std::string_view text);
// --ulimit: "NAME=SOFT[:HARD]"; -1 is unlimited.
absl::StatusOr<v1::Ulimit> ParseUlimit(std::string_view text);
// The same into the options; as in Docker, the last one of a name counts.
absl::Status AddUlimit(std::string_view text, v1::BuildOptions* options);

}  // namespace crossmill::plan
