#include "common/bucket/answer_xml.h"

#include <charconv>
#include <utility>

#include "common/base/status.h"

namespace crossmill::bucket {
namespace {

constexpr int kDeepest = 16;

void AppendUtf8(uint32_t code, std::string* text) {
  const auto add = [text](uint32_t byte) { text->push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    add(code);
  } else if (code < 0x800) {
    add(0xC0 | code >> 6);
    add(0x80 | (code & 63));
  } else if (code < 0x10000) {
    add(0xE0 | code >> 12);
    add(0x80 | (code >> 6 & 63));
    add(0x80 | (code & 63));
  } else {
    add(0xF0 | code >> 18);
    add(0x80 | (code >> 12 & 63));
    add(0x80 | (code >> 6 & 63));
    add(0x80 | (code & 63));
  }
}

class XmlReader {
 public:
  explicit XmlReader(std::string_view text) : text_(text) {}

  absl::StatusOr<XmlElement> Document() {
    RETURN_IF_ERROR(SkipBetween());
    if (!Takes("<")) return Wrong("expected an element");
    XmlElement root;
    RETURN_IF_ERROR(Element(0, &root));
    RETURN_IF_ERROR(SkipBetween());
    if (at_ != text_.size()) return Wrong("more behind the root element");
    return root;
  }

 private:
  absl::Status Wrong(std::string_view what) const {
    return absl::InvalidArgumentError(fmt::format("XML at byte {}: {}", at_, what));
  }
  bool Takes(std::string_view words) {
    if (!text_.substr(at_).starts_with(words)) return false;
    at_ += words.size();
    return true;
  }
  absl::Status SkipTo(std::string_view end) {
    const size_t found = text_.find(end, at_);
    if (found == std::string_view::npos) return Wrong(fmt::format("'{}' is missing", end));
    at_ = found + end.size();
    return absl::OkStatus();
  }
  // White space, declarations and comments around the root.
  absl::Status SkipBetween() {
    while (at_ < text_.size()) {
      if (static_cast<unsigned char>(text_[at_]) <= ' ') {
        ++at_;
      } else if (Takes("<?")) {
        RETURN_IF_ERROR(SkipTo("?>"));
      } else if (Takes("<!--")) {
        RETURN_IF_ERROR(SkipTo("-->"));
      } else if (Takes("\xEF\xBB\xBF")) {
        continue;
      } else {
        return absl::OkStatus();
      }
    }
    return absl::OkStatus();
  }

  absl::Status Reference(std::string* text) {
    const size_t end = text_.find(';', at_);
    if (end == std::string_view::npos || end - at_ > 12) return Wrong("a reference without end");
    const std::string_view name = text_.substr(at_, end - at_);
    static constexpr std::pair<std::string_view, char> kNamed[] = {
        {"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
    for (const auto& [known, character] : kNamed) {
      if (name != known) continue;
      text->push_back(character);
      at_ = end + 1;
      return absl::OkStatus();
    }
    if (!name.starts_with("#")) return Wrong("a reference that is not known");
    const bool hex = name.starts_with("#x");
    const std::string_view digits = name.substr(hex ? 2 : 1);
    uint32_t code = 0;
    const auto [stop, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), code, hex ? 16 : 10);
    if (error != std::errc() || stop != digits.data() + digits.size() || code == 0 || code > 0x10FFFF)
      return Wrong("a reference to no character");
    AppendUtf8(code, text);
    at_ = end + 1;
    return absl::OkStatus();
  }

  // Behind '<'.
  absl::Status Element(int depth, XmlElement* element) {
    if (depth == kDeepest) return Wrong("elements are too deep");
    const size_t name_end = text_.find_first_of(" \t\r\n/>", at_);
    if (name_end == std::string_view::npos || name_end == at_) return Wrong("an element without a name");
    const std::string_view full = text_.substr(at_, name_end - at_);
    element->name = full.substr(full.rfind(':') == std::string_view::npos ? 0 : full.rfind(':') + 1);
    at_ = name_end;
    RETURN_IF_ERROR(SkipAttributes());
    if (Takes("/>")) return absl::OkStatus();
    if (!Takes(">")) return Wrong("an element that does not end");
    RETURN_IF_ERROR(Content(depth, element));
    if (!Takes(full)) return Wrong(fmt::format("the end of '{}' is missing", full));
    while (at_ < text_.size() && static_cast<unsigned char>(text_[at_]) <= ' ') ++at_;
    return Takes(">") ? absl::OkStatus() : Wrong("an end that does not end");
  }

  absl::Status SkipAttributes() {
    while (at_ < text_.size() && text_[at_] != '>' && !text_.substr(at_).starts_with("/>")) {
      const char c = text_[at_++];
      if (c == '"' || c == '\'') RETURN_IF_ERROR(SkipTo(std::string_view(&c, 1)));
    }
    return absl::OkStatus();
  }

  // Up to and with "</".
  absl::Status Content(int depth, XmlElement* element) {
    while (at_ < text_.size()) {
      if (Takes("</")) return absl::OkStatus();
      if (Takes("<!--")) {
        RETURN_IF_ERROR(SkipTo("-->"));
      } else if (Takes("<![CDATA[")) {
        const size_t begin = at_;
        RETURN_IF_ERROR(SkipTo("]]>"));
        element->text += text_.substr(begin, at_ - 3 - begin);
      } else if (text_.substr(at_).starts_with("<!") || text_.substr(at_).starts_with("<?")) {
        return Wrong("a declaration inside an element");
      } else if (Takes("<")) {
        RETURN_IF_ERROR(Element(depth + 1, &element->children.emplace_back()));
      } else if (Takes("&")) {
        RETURN_IF_ERROR(Reference(&element->text));
      } else {
        element->text.push_back(text_[at_++]);
      }
    }
    return Wrong("the text ends inside an element");
  }

  const std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

std::string_view XmlElement::Text(std::string_view child) const {
  for (const XmlElement& each : children) {
    if (each.name == child) return each.text;
  }
  return {};
}

absl::StatusOr<XmlElement> ParseXml(std::string_view text) { return XmlReader(text).Document(); }

}  // namespace crossmill::bucket
