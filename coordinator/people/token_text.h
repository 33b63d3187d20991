// How tokens of the record are written: "cmill_", 43 letters and digits that nobody can guess, and six that
// follow from them. The beginning is what scanners for secrets look for, the end tells them, and us, a token
// from a word that only looks like one, without asking a farm.
#pragma once

#include <string>
#include <string_view>

namespace crossmill::coordinator {

inline constexpr std::string_view kTokenPrefix = "cmill_";

// Of 256 random bits of the system. What is kept of it is its SHA-256: a slow hash protects words that people
// choose, which can be tried; of 2^256 equally likely tokens none can.
std::string NewTokenText();

// Whether it has the form and its end fits.
bool IsTokenText(std::string_view text);

}  // namespace crossmill::coordinator
