// Finding tags and their attributes.
#include "common/wheels/html_tags.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "common/base/status.h"

namespace crossmill::python {
namespace {

bool IsHtmlSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r'; }

// Attributes beyond these are dropped: nobody means them.
constexpr size_t kMostAttributes = 64;

// Elements in which everything up to their end is text.
constexpr std::array<std::string_view, 8> kRawText = {"script", "style",    "title",   "textarea",
                                                      "xmp",    "noframes", "noembed", "iframe"};

}  // namespace

const std::string* HtmlTag::Attribute(std::string_view wanted) const {
  const auto found = std::find_if(attributes.begin(), attributes.end(),
                                  [&](const auto& attribute) { return attribute.first == wanted; });
  return found == attributes.end() ? nullptr : &found->second;
}

std::optional<HtmlTag> HtmlTags::Next() {
  while (true) {
    at_ = text_.find('<', at_);
    if (at_ == text_.npos || at_ + 1 >= text_.size()) {
      at_ = text_.size();
      return std::nullopt;
    }
    if (absl::ascii_isalpha(static_cast<unsigned char>(text_[at_ + 1]))) return ReadTag();
    if (!SkipMarkup()) ++at_;
  }
}

// Past a comment, a declaration, an instruction or a closing tag; false if none begins here.
bool HtmlTags::SkipMarkup() {
  const std::string_view rest = text_.substr(at_);
  std::string_view end = ">";
  size_t begin = 2;
  if (rest.starts_with("<!--")) {
    // "<!-->" and "<!--->" are whole comments.
    if (rest.starts_with("<!-->") || rest.starts_with("<!--->")) {
      at_ += rest.find('>') + 1;
      return true;
    }
    end = "-->";
    begin = 4;
  } else if (rest[1] != '!' && rest[1] != '?' && rest[1] != '/') {
    return false;
  }
  size_t found = rest.find(end, begin);
  if (end.size() == 3) {
    // "--!>" ends a comment too.
    const size_t other = rest.substr(0, found).find("--!>", begin);
    if (other != rest.npos) {
      found = other;
      end = "--!>";
    }
  }
  at_ = found == rest.npos ? text_.size() : at_ + found + end.size();
  return true;
}

std::optional<HtmlTag> HtmlTags::ReadTag() {
  HtmlTag tag;
  size_t end = at_ + 1;
  while (end < text_.size() && !IsHtmlSpace(text_[end]) && text_[end] != '/' && text_[end] != '>') ++end;
  tag.name = absl::AsciiStrToLower(Av(text_.substr(at_ + 1, end - at_ - 1)));
  at_ = end;
  while (ReadAttribute(tag)) {
  }
  if (at_ < text_.size()) ++at_;
  if (std::find(kRawText.begin(), kRawText.end(), tag.name) != kRawText.end()) SkipRawText(tag.name);
  return tag;
}

// False at the tag's '>' and at the end of the page.
bool HtmlTags::ReadAttribute(HtmlTag& tag) {
  while (at_ < text_.size() && (IsHtmlSpace(text_[at_]) || text_[at_] == '/')) ++at_;
  if (at_ >= text_.size() || text_[at_] == '>') return false;
  const size_t begin = at_;
  // A '=' at the beginning belongs to the name.
  ++at_;
  while (at_ < text_.size() && !IsHtmlSpace(text_[at_]) && text_[at_] != '/' && text_[at_] != '>' &&
         text_[at_] != '=') {
    ++at_;
  }
  std::string name = absl::AsciiStrToLower(Av(text_.substr(begin, at_ - begin)));
  std::string_view value;
  size_t equals = at_;
  while (equals < text_.size() && IsHtmlSpace(text_[equals])) ++equals;
  if (equals < text_.size() && text_[equals] == '=') {
    at_ = equals + 1;
    while (at_ < text_.size() && IsHtmlSpace(text_[at_])) ++at_;
    const char quote = at_ < text_.size() ? text_[at_] : '\0';
    if (quote == '"' || quote == '\'') {
      const size_t end = std::min(text_.find(quote, at_ + 1), text_.size());
      value = text_.substr(at_ + 1, end - at_ - 1);
      at_ = std::min(end + 1, text_.size());
    } else {
      const size_t from = at_;
      while (at_ < text_.size() && !IsHtmlSpace(text_[at_]) && text_[at_] != '>') ++at_;
      value = text_.substr(from, at_ - from);
    }
  }
  if (tag.attributes.size() < kMostAttributes)
    tag.attributes.emplace_back(std::move(name), DecodeHtml(value));
  return true;
}

void HtmlTags::SkipRawText(std::string_view name) {
  while (true) {
    at_ = text_.find("</", at_);
    if (at_ == text_.npos) {
      at_ = text_.size();
      return;
    }
    const std::string_view rest = text_.substr(at_ + 2);
    const bool ends = rest.size() <= name.size() || IsHtmlSpace(rest[name.size()]) ||
                      rest[name.size()] == '/' || rest[name.size()] == '>';
    if (ends && absl::EqualsIgnoreCase(Av(rest.substr(0, name.size())), Av(name))) return;
    at_ += 2;
  }
}

}  // namespace crossmill::python
