#include "common/base/utf8.h"

#include <cstdint>
#include <cstdio>

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

// A character that is no text to a terminal: it acts on it, turns the order of others, or ends the line.
struct Unprintable {
  // In bytes; 0: the text does not begin with one.
  size_t length = 0;
  uint32_t character = 0;
};

// Of valid UTF-8 that is not empty.
Unprintable UnprintableAt(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : uint8_t{0}; };
  const uint8_t first = byte(0);
  if (first < 0x20 || first == 0x7f) return {1, first};
  // U+0080 to U+009F are control characters too.
  if (first == 0xc2 && byte(1) < 0xa0) return {2, byte(1)};
  // Marks, embeddings, overrides and isolates of writing directions, and the separators of lines: U+061C,
  // U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069.
  if (first == 0xd8 && byte(1) == 0x9c) return {2, 0x61c};
  if (first != 0xe2) return {};
  const uint32_t character = 0x2000 | (byte(1) & 0x3fU) << 6 | (byte(2) & 0x3fU);
  const bool turns = character == 0x200e || character == 0x200f ||
                     (character >= 0x2028 && character <= 0x202e) ||
                     (character >= 0x2066 && character <= 0x2069);
  return turns ? Unprintable{3, character} : Unprintable{};
}

// Length of a sequence at the front of the text that sets colours and weights and nothing else, or 0.
size_t ColourLength(std::string_view text) {
  if (!text.starts_with("\x1b[")) return 0;
  const size_t end = text.find_first_not_of("0123456789;", 2);
  return end != std::string_view::npos && text[end] == 'm' ? end + 1 : 0;
}

// Characters of XML 1.0; `text` is valid UTF-8.
bool IsForbiddenInXml(std::string_view text, size_t at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  if (byte < 0x20) return byte != '\t' && byte != '\n' && byte != '\r';
  const std::string_view three = text.substr(at, 3);
  return three == "\xef\xbf\xbe" || three == "\xef\xbf\xbf";
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
  const std::string line = PrintableText(bytes, false);
  std::string printable;
  printable.reserve(line.size());
  for (const char c : line) printable += c == '\r' ? '?' : c == '\t' || c == '\n' ? ' ' : c;
  return printable;
}

std::string PrintableText(std::string_view bytes, bool colours) {
  const std::string valid = ValidUtf8(bytes);
  std::string printable;
  printable.reserve(valid.size());
  for (std::string_view rest = valid; !rest.empty();) {
    const Unprintable found = UnprintableAt(rest);
    const size_t colour = colours && found.character == 0x1b ? ColourLength(rest) : 0;
    if (found.length == 0 || found.character == '\t' || found.character == '\n' || colour > 0 ||
        rest.starts_with("\r\n")) {
      const size_t taken = colour > 0 ? colour : 1;
      printable += rest.substr(0, taken);
      rest.remove_prefix(taken);
    } else {
      printable += '?';
      rest.remove_prefix(found.length);
    }
  }
  return printable;
}

std::string PrintableJson(std::string_view json) {
  const std::string valid = ValidUtf8(json);
  std::string printable;
  printable.reserve(valid.size());
  for (std::string_view rest = valid; !rest.empty();) {
    const Unprintable found = UnprintableAt(rest);
    // Line feeds and tabs are outside of strings, where they are written as escapes.
    if (found.length == 0 || found.character == '\t' || found.character == '\n') {
      printable += rest.front();
      rest.remove_prefix(1);
    } else {
      char escape[7];
      std::snprintf(escape, sizeof(escape), "\\u%04x", found.character);
      printable += escape;
      rest.remove_prefix(found.length);
    }
  }
  return printable;
}

std::string_view CutBetweenCharacters(std::string_view text, size_t most) {
  if (text.size() <= most) return text;
  size_t end = most;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

std::string EscapeXml(std::string_view text) {
  const std::string valid = ValidUtf8(text);
  std::string escaped;
  for (size_t i = 0; i < valid.size(); ++i) {
    if (IsForbiddenInXml(valid, i)) {
      escaped += "\xef\xbf\xbd";
      if (static_cast<unsigned char>(valid[i]) == 0xef) i += 2;
      continue;
    }
    switch (valid[i]) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += valid[i];
    }
  }
  return escaped;
}

}  // namespace crossmill
