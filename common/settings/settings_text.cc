#include "common/settings/settings_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "absl/strings/str_join.h"

namespace crossmill::settings {
namespace {

// "http://user:secret@host" -> "http://user:***@host"; a token alone ("https://token@host") goes, too.
std::string WithoutPasswords(std::string text) {
  for (size_t at = text.find("://"); at != std::string::npos; at = text.find("://", at + 3)) {
    const size_t begin = at + 3;
    const size_t end = std::min(text.find_first_of("/?# \t", begin), text.size());
    const size_t mark = text.rfind('@', end);
    if (mark == std::string::npos || mark < begin || mark >= end) continue;
    const size_t colon = text.find(':', begin);
    const size_t from = colon < mark ? colon + 1 : begin;
    text.replace(from, mark - from, "***");
  }
  return text;
}

std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) {
      quoted += fmt::format("\\u{:04X}", static_cast<unsigned char>(c));
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

std::string OneValue(SettingType type, const std::string& value) {
  switch (type) {
    case SettingType::kTruth:
    case SettingType::kWholeNumber:
    case SettingType::kFraction:
      return value;
    case SettingType::kSize:
      if (!value.empty() &&
          std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; }))
        return value;
      break;
    case SettingType::kText:
      break;
  }
  return Quoted(WithoutPasswords(value));
}

}  // namespace

std::string ValueText(const Setting& setting) {
  std::vector<std::string> values;
  for (const std::string& value : setting.values) values.push_back(OneValue(setting.type, value));
  if (setting.list) return fmt::format("[{}]", absl::StrJoin(values, ", "));
  return values.empty() ? "" : values.back();
}

std::string SettingsText(absl::Span<const Setting> settings, std::string_view table,
                         absl::Span<const NamedNumber> numbers) {
  std::string text;
  for (const Setting& setting : settings) {
    text += fmt::format("# {}\n", setting.description);
    if (setting.set || !setting.values.empty()) {
      text += fmt::format("{} = {}  # {}\n\n", setting.name, ValueText(setting), setting.from);
    } else {
      text += fmt::format("# {} is not set\n\n", setting.name);
    }
  }
  if (numbers.empty()) return text;
  text += fmt::format("[{}]\n", table);
  for (const NamedNumber& number : numbers)
    text += fmt::format("# {}\n{} = {}  # {}\n", number.description, number.name, number.value, number.from);
  return text;
}

}  // namespace crossmill::settings
