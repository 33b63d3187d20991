#include "common/dockerfile/words.h"

#include "absl/strings/ascii.h"
#include "common/base/json.h"

namespace crossmill::dockerfile {

bool IsBlank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string_view TrimBlanks(std::string_view text) {
  while (!text.empty() && IsBlank(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsBlank(text.back())) text.remove_suffix(1);
  return text;
}

size_t FindNonText(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    if (lead < 0x80) {
      if (lead == 0) return i;
      ++i;
      continue;
    }
    const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || i + length > text.size()) return i;
    uint32_t code = lead & (0x7Fu >> length);
    for (size_t k = 1; k < length; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xC0) != 0x80) return i;
      code = code << 6 | (next & 0x3Fu);
    }
    const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
    if (overlong || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return i;
    i += length;
  }
  return std::string_view::npos;
}

std::vector<Word> SplitAtBlanks(std::string_view text, size_t offset) {
  std::vector<Word> words;
  for (size_t i = 0; i < text.size();) {
    if (IsBlank(text[i])) {
      ++i;
      continue;
    }
    const size_t begin = i;
    while (i < text.size() && !IsBlank(text[i])) ++i;
    words.push_back({std::string(text.substr(begin, i - begin)), offset + begin});
  }
  return words;
}

std::vector<Word> SplitQuoted(std::string_view text, size_t offset, char escape, bool* balanced) {
  std::vector<Word> words;
  char quote = 0;
  for (size_t i = 0; i < text.size();) {
    if (IsBlank(text[i])) {
      ++i;
      continue;
    }
    Word word{"", offset + i};
    for (; i < text.size() && (quote != 0 || !IsBlank(text[i])); ++i) {
      const char c = text[i];
      if (c == escape && quote != '\'') {
        // An escape at the very end escapes nothing.
        if (i + 1 == text.size()) continue;
        word.text += c;
        word.text += text[++i];
        continue;
      }
      if (quote != 0 && c == quote) {
        quote = 0;
      } else if (quote == 0 && (c == '"' || c == '\'')) {
        quote = c;
      }
      word.text += c;
    }
    if (!word.text.empty()) words.push_back(std::move(word));
  }
  if (balanced != nullptr) *balanced = quote == 0;
  return words;
}

JsonForm ReadJsonForm(std::string_view text, std::vector<std::string>& values) {
  text = TrimBlanks(text);
  if (!text.starts_with('[')) return JsonForm::kNone;
  const Json array = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!array.is_array()) return JsonForm::kNone;
  for (const Json& item : array) {
    if (!item.is_string()) return JsonForm::kOtherArray;
    values.push_back(item.get<std::string>());
  }
  return JsonForm::kTexts;
}

std::optional<Heredoc> ReadHeredocWord(std::string_view word) {
  Heredoc heredoc;
  heredoc.word = word;
  size_t i = 0;
  while (i < word.size() && absl::ascii_isdigit(static_cast<unsigned char>(word[i]))) ++i;
  heredoc.descriptor = word.substr(0, i);
  if (word.substr(i, 2) != "<<") return std::nullopt;
  i += 2;
  if (i < word.size() && word[i] == '-') {
    heredoc.strip_tabs = true;
    ++i;
  }
  char quote = 0;
  for (; i < word.size(); ++i) {
    const char c = word[i];
    if (c == '<' || (IsBlank(c) && quote == 0)) return std::nullopt;
    if (quote != 0 ? c == quote : (c == '"' || c == '\'')) {
      quote = quote == 0 ? c : 0;
      heredoc.expand = false;
    } else if (c == '\\' && quote != '\'' && i + 1 < word.size()) {
      heredoc.name += word[++i];
      heredoc.expand = false;
    } else {
      heredoc.name += c;
    }
  }
  if (heredoc.name.empty() || quote != 0) return std::nullopt;
  return heredoc;
}

std::vector<Heredoc> FindHeredocs(std::string_view line) {
  std::vector<Heredoc> heredocs;
  if (line.find("<<") == std::string_view::npos) return heredocs;
  bool balanced = false;
  const std::vector<Word> words = SplitQuoted(line, 0, '\\', &balanced);
  if (!balanced) return heredocs;
  for (const Word& word : words) {
    if (std::optional<Heredoc> heredoc = ReadHeredocWord(word.text)) heredocs.push_back(*std::move(heredoc));
  }
  return heredocs;
}

}  // namespace crossmill::dockerfile
