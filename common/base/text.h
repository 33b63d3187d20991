// Small pieces of text: without the blanks around it, without the escapes in it, with them.
#pragma once

#include <string>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "common/base/status.h"

namespace crossmill {

inline std::string_view Trim(std::string_view text) { return Sv(absl::StripAsciiWhitespace(Av(text))); }

// Of a URL: %41 as A; what is no such escape stays.
inline std::string DecodePercent(std::string_view text) {
  const auto is_digit = [&](size_t at) {
    return at < text.size() && absl::ascii_isxdigit(static_cast<unsigned char>(text[at]));
  };
  std::string plain;
  plain.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && is_digit(i + 1) && is_digit(i + 2)) {
      plain += absl::HexStringToBytes(Av(text.substr(i + 1, 2)));
      i += 2;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

// For a URL: A as %41, but for what RFC 3986 reserves nowhere (letters, digits, -._~), and what `also` has.
inline std::string EncodePercent(std::string_view text, std::string_view also = "") {
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = absl::ascii_isalnum(byte) || c == '-' || c == '.' || c == '_' || c == '~' ||
                       also.find(c) != also.npos;
    encoded += plain ? std::string(1, c) : fmt::format("%{:02X}", byte);
  }
  return encoded;
}

}  // namespace crossmill
