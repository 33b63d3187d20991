#include "common/settings/settings_file.h"

#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>

#include "common/base/utf8.h"

namespace crossmill::settings {
namespace {

FileValue ValueOf(const toml::node& node) {
  if (const auto* text = node.as_string()) return {ValueKind::kText, text->get()};
  if (const auto* number = node.as_integer())
    return {ValueKind::kWholeNumber, fmt::format("{}", number->get())};
  if (const auto* number = node.as_floating_point())
    return {ValueKind::kFraction, fmt::format("{}", number->get())};
  if (const auto* truth = node.as_boolean()) return {ValueKind::kTruth, truth->get() ? "true" : "false"};
  return {ValueKind::kOther, ""};
}

FileEntry EntryOf(std::string table, const toml::key& key, const toml::node& node) {
  FileEntry entry{
      std::move(table), std::string(key.str()), static_cast<int>(key.source().begin.line), false, {}};
  if (const toml::array* list = node.as_array()) {
    entry.list = true;
    for (const toml::node& one : *list) entry.values.push_back(ValueOf(one));
  } else {
    entry.values.push_back(ValueOf(node));
  }
  return entry;
}

}  // namespace

absl::StatusOr<std::vector<FileEntry>> ParseSettingsFile(const std::string& file, std::string_view text) {
  const toml::parse_result document = toml::parse(text);
  if (document.failed()) {
    const toml::source_position& place = document.error().source().begin;
    return absl::InvalidArgumentError(fmt::format("{}:{}:{}: {}", file, place.line, place.column,
                                                  Printable(document.error().description())));
  }
  std::vector<FileEntry> entries;
  for (const auto& [key, node] : document.table()) {
    const toml::table* table = node.as_table();
    if (table == nullptr) {
      entries.push_back(EntryOf("", key, node));
      continue;
    }
    for (const auto& [inner, value] : *table) {
      if (value.is_table()) {
        return absl::InvalidArgumentError(fmt::format("{}:{}: {}.{}: there are no tables in tables", file,
                                                      inner.source().begin.line, Printable(key.str()),
                                                      Printable(inner.str())));
      }
      entries.push_back(EntryOf(std::string(key.str()), inner, value));
    }
  }
  std::stable_sort(entries.begin(), entries.end(),
                   [](const FileEntry& a, const FileEntry& b) { return a.line < b.line; });
  return entries;
}

}  // namespace crossmill::settings
