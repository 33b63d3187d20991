// Names of Python projects and extras: the core metadata specification, normalised by PEP 503 (and PEP 685
// for extras).
#pragma once

#include <string>
#include <string_view>

namespace crossmill::python {

// Letters, digits, `.`, `_`, `-`; the first and the last is a letter or digit.
bool IsName(std::string_view name);

// Lower case, each run of `-`, `_`, `.` as one `-`. Any text is accepted, as pip's own function does.
std::string NormaliseName(std::string_view name);

}  // namespace crossmill::python
