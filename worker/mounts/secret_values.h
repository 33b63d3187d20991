// What inside a secret is secret by itself: the password in a pip.conf, not only the file as a whole.
//
// A step seldom prints a secret file as it is: pip shows an index URL, a program its setting, a shell one
// variable. So the values are taken out of the formats in which people keep them, and each is hidden and
// searched for as the whole is. Pure. docs/formats.md, "Masks of secrets", has the rules.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "common/base/wiping.h"

namespace crossmill::worker {

// Shorter texts would hide what is no secret.
inline constexpr size_t kShortestSecret = 4;

struct SecretValue {
  enum class Kind {
    // The secret itself, without the line ends at its end.
    kWhole,
    // One of its lines, without the spaces around it.
    kLine,
    // A password, token or other value inside it, as it is written there or decoded (percent, JSON, base64).
    kInner,
  };
  Kind kind = Kind::kWhole;
  WipedBytes text;
};

// Each text once, the whole first. None is shorter than kShortestSecret; a line or inner value is none that
// everybody writes (IsCommonText) or that only gives the file its form ("[global]", "-----BEGIN ...").
std::vector<SecretValue> SecretValues(std::string_view secret);

// True for what would turn consoles to stars: words like "true" or "https", a number of fewer than six
// digits, a version, and everything that is shorter than kShortestSecret.
bool IsCommonText(std::string_view text);

// Eight letters and digits in a row, of both kinds: nobody's word, so it is hidden wherever it stands.
bool LooksLikeToken(std::string_view text);

// With every byte but letters, digits and "-._~" as %XX; empty when that is the same text.
WipedBytes PercentEncoded(std::string_view text, bool upper_case);

}  // namespace crossmill::worker
