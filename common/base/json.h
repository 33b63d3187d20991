// JSON documents: insertion-ordered, parsed without exceptions, written canonically.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace crossmill {

using Json = nlohmann::ordered_json;

// INVALID_ARGUMENT with the position of the first error.
absl::StatusOr<Json> ParseJson(std::string_view text);

// Compact, members in insertion order, invalid UTF-8 replaced: the same value gives the same bytes.
std::string WriteJson(const Json& value);
// Two-space indented, for people and files.
std::string WriteJsonPretty(const Json& value);

// A text member; empty if it is missing or something else, also of what is no object.
std::string TextMember(const Json& value, const std::string& name);

// Null for an empty text.
Json TextOrNull(const std::string& text);

// An array of texts, of any range of them.
template <typename Texts>
Json TextsJson(const Texts& texts) {
  Json list = Json::array();
  for (const std::string& text : texts) list.push_back(text);
  return list;
}

}  // namespace crossmill
