// OCI platforms as text and message: linux/amd64, linux/arm64, linux/arm/v7.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill {

// Parses OS/ARCHITECTURE[/VARIANT] or a bare architecture (then OS is linux) and normalises it as
// image indexes are: x86_64 -> amd64, aarch64 -> arm64, arm64/v8 -> arm64, arm -> arm/v7.
// INVALID_ARGUMENT says what was expected.
absl::StatusOr<v1::Platform> ParsePlatform(std::string_view text);

// "linux/arm/v7".
std::string FormatPlatform(const v1::Platform& platform);

// Of this machine's kernel.
absl::StatusOr<v1::Platform> OwnPlatform();

bool SamePlatform(const v1::Platform& left, const v1::Platform& right);

}  // namespace crossmill
