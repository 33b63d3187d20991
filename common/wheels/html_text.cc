// Character references of HTML, both ways.
#include <algorithm>
#include <array>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "common/wheels/html_tags.h"

namespace crossmill::python {
namespace {

// U+00A0 to U+00FF in their order.
constexpr std::array<std::string_view, 96> kLatin = {
    "nbsp",   "iexcl",  "cent",   "pound",  "curren", "yen",    "brvbar", "sect",   "uml",    "copy",
    "ordf",   "laquo",  "not",    "shy",    "reg",    "macr",   "deg",    "plusmn", "sup2",   "sup3",
    "acute",  "micro",  "para",   "middot", "cedil",  "sup1",   "ordm",   "raquo",  "frac14", "frac12",
    "frac34", "iquest", "Agrave", "Aacute", "Acirc",  "Atilde", "Auml",   "Aring",  "AElig",  "Ccedil",
    "Egrave", "Eacute", "Ecirc",  "Euml",   "Igrave", "Iacute", "Icirc",  "Iuml",   "ETH",    "Ntilde",
    "Ograve", "Oacute", "Ocirc",  "Otilde", "Ouml",   "times",  "Oslash", "Ugrave", "Uacute", "Ucirc",
    "Uuml",   "Yacute", "THORN",  "szlig",  "agrave", "aacute", "acirc",  "atilde", "auml",   "aring",
    "aelig",  "ccedil", "egrave", "eacute", "ecirc",  "euml",   "igrave", "iacute", "icirc",  "iuml",
    "eth",    "ntilde", "ograve", "oacute", "ocirc",  "otilde", "ouml",   "divide", "oslash", "ugrave",
    "uacute", "ucirc",  "uuml",   "yacute", "thorn",  "yuml"};

struct NamedCharacter {
  std::string_view name;
  uint32_t code;
};
constexpr std::array<NamedCharacter, 26> kNamed = {
    {{"amp", '&'},      {"AMP", '&'},      {"lt", '<'},       {"LT", '<'},        {"gt", '>'},
     {"GT", '>'},       {"quot", '"'},     {"QUOT", '"'},     {"apos", '\''},     {"num", '#'},
     {"equals", '='},   {"excl", '!'},     {"comma", ','},    {"sol", '/'},       {"colon", ':'},
     {"period", '.'},   {"plus", '+'},     {"lowbar", '_'},   {"percnt", '%'},    {"Tab", '\t'},
     {"NewLine", '\n'}, {"ndash", 0x2013}, {"mdash", 0x2014}, {"hellip", 0x2026}, {"rsquo", 0x2019},
     {"lsquo", 0x2018}}};

void AppendUtf8(uint32_t code, std::string& text) {
  if (code == 0 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) code = 0xfffd;
  if (code < 0x80) {
    text.push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    text.push_back(static_cast<char>(0xc0 | code >> 6));
    text.push_back(static_cast<char>(0x80 | (code & 0x3f)));
  } else {
    if (code < 0x10000) {
      text.push_back(static_cast<char>(0xe0 | code >> 12));
    } else {
      text.push_back(static_cast<char>(0xf0 | code >> 18));
      text.push_back(static_cast<char>(0x80 | (code >> 12 & 0x3f)));
    }
    text.push_back(static_cast<char>(0x80 | (code >> 6 & 0x3f)));
    text.push_back(static_cast<char>(0x80 | (code & 0x3f)));
  }
}

// The length of "#62;" or "#x3e;" (the semicolon may be missing); 0 if there is none.
size_t NumericReference(std::string_view text, uint32_t& code) {
  if (!text.starts_with('#')) return 0;
  const bool hex = text.size() > 1 && (text[1] == 'x' || text[1] == 'X');
  const size_t begin = hex ? 2 : 1;
  size_t at = begin;
  code = 0;
  for (; at < text.size(); ++at) {
    const auto c = static_cast<unsigned char>(text[at]);
    if (hex ? !absl::ascii_isxdigit(c) : !absl::ascii_isdigit(c)) break;
    const uint32_t digit =
        absl::ascii_isdigit(c) ? c - '0' : static_cast<uint32_t>(absl::ascii_tolower(c) - 'a' + 10);
    // Stays beyond what is a character, and does not overflow.
    code = std::min<uint32_t>(code * (hex ? 16 : 10) + digit, 0x110000);
  }
  if (at == begin) return 0;
  return at < text.size() && text[at] == ';' ? at + 1 : at;
}

// The length of "gt;"; 0 if it is no name that is known here.
size_t NamedReference(std::string_view text, uint32_t& code) {
  const size_t end = text.substr(0, 10).find(';');
  if (end == text.npos) return 0;
  const std::string_view name = text.substr(0, end);
  if (const auto* named = std::find_if(kNamed.begin(), kNamed.end(),
                                       [&](const NamedCharacter& one) { return one.name == name; });
      named != kNamed.end()) {
    code = named->code;
    return end + 1;
  }
  const auto* latin = std::find(kLatin.begin(), kLatin.end(), name);
  if (latin == kLatin.end()) return 0;
  code = 0xa0 + static_cast<uint32_t>(latin - kLatin.begin());
  return end + 1;
}

}  // namespace

std::string DecodeHtml(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  while (true) {
    const size_t ampersand = text.find('&');
    plain.append(text.substr(0, ampersand));
    if (ampersand == text.npos) return plain;
    text.remove_prefix(ampersand + 1);
    uint32_t code = 0;
    size_t length = NumericReference(text, code);
    if (length == 0) length = NamedReference(text, code);
    if (length == 0) {
      plain.push_back('&');
    } else {
      AppendUtf8(code, plain);
    }
    text.remove_prefix(length);
  }
}

std::string EncodeHtml(std::string_view text) {
  std::string encoded;
  encoded.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        encoded += "&amp;";
        break;
      case '<':
        encoded += "&lt;";
        break;
      case '>':
        encoded += "&gt;";
        break;
      case '"':
        encoded += "&quot;";
        break;
      case '\'':
        encoded += "&#x27;";
        break;
      default:
        encoded.push_back(c);
    }
  }
  return encoded;
}

}  // namespace crossmill::python
