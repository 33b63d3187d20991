// The Python packages of one platform's image as an SPDX 2.3 document in a statement, for tools that know no
// CycloneDX. Pure.
#pragma once

#include <cstdint>

#include "common/attest/packages_statement.h"
#include "common/attest/statement.h"

namespace crossmill::attest {

inline constexpr std::string_view kSpdxPredicate = "https://spdx.dev/Document";

// Of the packages the same as in PackagesStatement. `created_at`: Unix time in nanoseconds, when the build
// ended.
Statement SpdxStatement(const PackagesFacts& facts, int64_t created_at);

}  // namespace crossmill::attest
