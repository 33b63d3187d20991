// What is said of a blob that is only in a bucket which does not answer: part of the error of whoever wanted
// it, wherever that comes through, so that it is known for what it is. The blob is not lost; who needs it
// waits.
#pragma once

#include <string_view>

namespace crossmill {

inline constexpr std::string_view kBehindAnOutage = "is only in the bucket, which does not give it now";

}  // namespace crossmill
