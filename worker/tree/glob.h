// Patterns of COPY: Go's filepath.Match per path component, and "**" for any number of components.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace crossmill::worker {

// One component: '*', '?', '[a-z]', '[^a-z]', backslash escapes. A malformed pattern matches nothing.
bool MatchComponent(std::string_view pattern, std::string_view name);

// True if the text has any of *?[\ .
bool HasGlob(std::string_view text);

// `text` without its escapes, for a component that has no other special characters.
std::string Unescape(std::string_view text);

// Components of a path, without empty ones and ".".
std::vector<std::string> PathComponents(std::string_view path);

// The whole path against the pattern, "**" matching any number of components.
bool MatchPath(const std::vector<std::string>& pattern, const std::vector<std::string>& path);

// An exclude pattern hides the path, or a folder that it lies in.
bool Excludes(const std::vector<std::string>& pattern, const std::vector<std::string>& path);

}  // namespace crossmill::worker
