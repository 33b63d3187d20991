// What Go's regular expressions do with a template ("$1", "${name}", "$$"), with RE2. Pure.
#pragma once

#include <string>
#include <string_view>

namespace re2 {
class RE2;
}

namespace crossmill::coordinator::buildkit {

// Puts groups of the match of all of `text` into `pattern`'s place (Regexp.Expand): what is no group is
// empty. Without a match nothing of `text` is taken and the result is `otherwise`.
std::string ExpandMatch(const re2::RE2& expression, std::string_view text, std::string_view pattern,
                        std::string_view otherwise);

// Regexp.ReplaceAllString: every match in `text`, the rest stays. Ends where the result would be longer than
// `most` bytes, with one that is.
std::string ReplaceMatches(const re2::RE2& expression, std::string_view text, std::string_view pattern,
                           size_t most);

}  // namespace crossmill::coordinator::buildkit
