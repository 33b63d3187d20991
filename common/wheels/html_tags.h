// The tags of an HTML page, one after the other: as much of HTML's tokeniser as index pages need, and as
// tolerant as browsers are. Comments, declarations and the insides of scripts, styles, titles and text areas
// have no tags.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace crossmill::python {

struct HtmlTag {
  // The first attribute of this (lower-case) name; null if there is none. One without a value is empty.
  const std::string* Attribute(std::string_view name) const;

  // Lower case.
  std::string name;
  // Names in lower case, values with their character references replaced.
  std::vector<std::pair<std::string, std::string>> attributes;
};

// Goes over a page from the beginning to the end, once.
class HtmlTags {
 public:
  // The text outlives it.
  explicit HtmlTags(std::string_view text) : text_(text) {}

  // The next opening tag; nullopt at the end.
  std::optional<HtmlTag> Next();

 private:
  bool SkipMarkup();
  std::optional<HtmlTag> ReadTag();
  bool ReadAttribute(HtmlTag& tag);
  void SkipRawText(std::string_view name);

  std::string_view text_;
  size_t at_ = 0;
};

// Character references replaced: those by number, those of XML and of Latin-1. Others stay as they are.
std::string DecodeHtml(std::string_view text);
// For texts and for values in double quotes.
std::string EncodeHtml(std::string_view text);

}  // namespace crossmill::python
