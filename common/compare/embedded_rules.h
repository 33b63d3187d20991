// The text of rules/known_files.rules, which the build makes part of the program.
#pragma once

#include <string_view>

namespace crossmill::compare {

std::string_view EmbeddedRules();

}  // namespace crossmill::compare
