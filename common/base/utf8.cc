#include "common/base/utf8.h"

#include <cstdint>

namespace crossmill {
namespace {

// Length of the well-formed sequence at the front of `text`, 0 if there is none.
size_t SequenceLength(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xc2 && first <= 0xdf   ? 2
                        : first >= 0xe0 && first <= 0xef ? 3
                        : first >= 0xf0 && first <= 0xf4 ? 4
                                                         : 0;
  if (length == 0 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  // Overlong forms, surrogates, and what is beyond U+10FFFF.
  if (first == 0xe0 && byte(1) < 0xa0) return 0;
  if (first == 0xed && byte(1) > 0x9f) return 0;
  if (first == 0xf0 && byte(1) < 0x90) return 0;
  if (first == 0xf4 && byte(1) > 0x8f) return 0;
  return length;
}

}  // namespace

std::string ValidUtf8(std::string_view text) {
  std::string valid;
  valid.reserve(text.size());
  while (!text.empty()) {
    const size_t length = SequenceLength(text);
    if (length == 0) {
      valid += "\xef\xbf\xbd";
      text.remove_prefix(1);
    } else {
      valid += text.substr(0, length);
      text.remove_prefix(length);
    }
  }
  return valid;
}

std::string Printable(std::string_view bytes) {
  std::string line = ValidUtf8(bytes);
  std::string printable;
  printable.reserve(line.size());
  for (size_t i = 0; i < line.size(); ++i) {
    const auto byte = static_cast<uint8_t>(line[i]);
    // U+0080 to U+009F are control characters too.
    const bool second_set = byte == 0xc2 && i + 1 < line.size() && static_cast<uint8_t>(line[i + 1]) < 0xa0;
    if (second_set) ++i;
    if (line[i] == '\t' || line[i] == '\n') {
      printable += ' ';
    } else if (second_set || byte < 0x20 || byte == 0x7f) {
      printable += '?';
    } else {
      printable += line[i];
    }
  }
  return printable;
}

}  // namespace crossmill
