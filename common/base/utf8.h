// Text of unknown origin made safe: for protobuf's string fields, which must be UTF-8, and for people.
#pragma once

#include <string>
#include <string_view>

namespace crossmill {

// `text` with every byte that is not part of a well-formed UTF-8 sequence replaced by U+FFFD.
std::string ValidUtf8(std::string_view text);

// One printable line of anything a program wrote or a file is called: control characters become
// '?', invalid UTF-8 becomes U+FFFD, tabs a blank.
std::string Printable(std::string_view bytes);

}  // namespace crossmill
