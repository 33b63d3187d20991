// Requirements as pip and uv write them in commands and consoles: "six==1.17.0 (from x)", "git+https://...".
// Pure functions of text; views point into what they are given.
#pragma once

#include <cstddef>
#include <string_view>

namespace crossmill::core {

// Longer than any version or file name that an index takes.
inline constexpr size_t kLongestText = 300;

// Name in a requirement: "six==1.17.0", "six (from x)", "pkg[extra]>=1; marker", "pkg@ URL".
std::string_view RequirementName(std::string_view text);
// The version in "six==1.17.0 (from x)"; empty if it is not pinned.
std::string_view PinnedVersion(std::string_view requirement);
// "git+", "hg+", "svn+", "bzr+" URLs.
bool IsVcsUrl(std::string_view text);
// What a repository's address says of the package's name: "#egg=NAME", else its last part.
std::string_view NameOfRepository(std::string_view url);
// All of "https://127.0.0.1:9/simple, http://localhost/simple" are this machine.
bool IsLoopback(std::string_view indexes);

}  // namespace crossmill::core
