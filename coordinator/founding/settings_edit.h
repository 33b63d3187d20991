// A settings file that gets some more settings, and loses none. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace crossmill::coordinator {

struct WantedSetting {
  std::string name;
  std::string value;
};

// The text of `file` with what is missing of `wanted` in front of it, where no table has begun; what is there
// with the same value stays. FAILED_PRECONDITION names the line of one with another value: nobody's setting
// is overwritten. INVALID_ARGUMENT: it is no settings file.
absl::StatusOr<std::string> WithSettings(const std::string& file, std::string_view text,
                                         absl::Span<const WantedSetting> wanted);

}  // namespace crossmill::coordinator
