// Words of an installer's line: requirements, addresses, fields.
#pragma once

#include <cstddef>
#include <string_view>

namespace crossmill::packages {

// Longer than any version or file name that an index takes.
inline constexpr size_t kLongestText = 300;

// Removes `prefix` from the front of `text` if it is there.
bool Consume(std::string_view* text, std::string_view prefix);
std::string_view FirstWord(std::string_view text);
// The value of "key=" in "filename=F size=N sha256=H".
std::string_view Field(std::string_view text, std::string_view key);
// Name in a requirement: "six==1.17.0", "six (from x)", "pkg[extra]>=1; marker", "pkg@ URL".
std::string_view RequirementName(std::string_view text);
// The version in "six==1.17.0 (from x)"; empty if it is not pinned.
std::string_view PinnedVersion(std::string_view requirement);
bool IsVcsUrl(std::string_view text);
// What a repository's address says of the package's name: "#egg=NAME", else its last part.
std::string_view NameOfRepository(std::string_view url);
// "https://127.0.0.1:9/simple, http://localhost/simple".
bool IsLoopback(std::string_view indexes);

}  // namespace crossmill::packages
