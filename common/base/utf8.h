// Text of unknown origin made safe: for protobuf's string fields, which must be UTF-8, and for people.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace crossmill {

// `text` with every byte that is not part of a well-formed UTF-8 sequence replaced by U+FFFD.
std::string ValidUtf8(std::string_view text);

// The beginning of `text`, of at most `most` bytes, that ends between two characters.
std::string_view CutBetweenCharacters(std::string_view text, size_t most);

// One printable line of anything a program wrote or a file is called: control characters, marks that turn the
// writing direction and separators of lines become '?', invalid UTF-8 becomes U+FFFD, tabs and line feeds a
// blank.
std::string Printable(std::string_view bytes);

// The same of a text of several lines: line feeds, carriage returns before them, and tabs stay, and with
// `colours` the sequences that only set colours and weights ("\x1b[31m").
std::string PrintableText(std::string_view bytes, bool colours);

// A JSON document whose strings hold nothing that a terminal acts on: such characters as \u escapes, so that
// whoever reads the document gets the same values.
std::string PrintableJson(std::string_view json);

// For text and attributes of XML: what XML 1.0 forbids becomes U+FFFD.
std::string EscapeXml(std::string_view text);

}  // namespace crossmill
