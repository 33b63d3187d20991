// What a line of the log is about: the words like build=7 of its own text, as members for a store of logs.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "common/base/json.h"

namespace crossmill {

// The members for each NAME={} of the format string whose value is a word of its own: `build={} worker={}`
// gives both, `of={}/{}` none, and what merely looks like it inside of a value none either. Integers are
// numbers, everything else is text. A name that is there twice has its first value. Pure.
Json LogFieldsOf(fmt::string_view format, fmt::format_args values);

// One line of the JSON form, without its end: time in UTC, program, level, message, then `fields`; names of
// the first four are left out of those. Pure.
std::string JsonLogLine(absl::Time time, std::string_view program, std::string_view level,
                        std::string_view message, const Json& fields);

}  // namespace crossmill
