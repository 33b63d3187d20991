// Text without the blanks around it.
#pragma once

#include <string_view>

#include "absl/strings/ascii.h"
#include "common/base/status.h"

namespace crossmill {

inline std::string_view Trim(std::string_view text) { return Sv(absl::StripAsciiWhitespace(Av(text))); }

}  // namespace crossmill
