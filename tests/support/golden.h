// Golden files below tests/golden. CROSSMILL_ACCEPT=1 rewrites them instead of comparing.
#pragma once

#include <string>
#include <string_view>

namespace crossmill {

// Fails the current test if the file (path below the golden folder) does not hold `actual`.
void ExpectGolden(std::string_view folder, std::string_view file, std::string_view actual);

}  // namespace crossmill
