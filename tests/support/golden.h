// Golden files below tests/golden. CROSSMILL_ACCEPT=1 rewrites them instead of comparing.
#pragma once

#include <string>
#include <string_view>

namespace crossmill {

// Fails the current test if the file (path below the golden folder) does not hold `actual`.
void ExpectGolden(std::string_view folder, std::string_view file, std::string_view actual);

// Reads the files of `folder` into memory, for a test that compares where it may no longer read them: as
// another user, with the checkout below a closed folder.
void HoldGoldens(const std::string& folder);

}  // namespace crossmill
