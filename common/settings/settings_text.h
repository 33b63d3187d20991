// Effective settings as a settings file has them, with where each comes from.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"

namespace crossmill::settings {

enum class SettingType { kTruth, kText, kWholeNumber, kFraction, kSize };

struct Setting {
  std::string name;
  SettingType type = SettingType::kText;
  bool list = false;
  // What it is for, one line.
  std::string description;
  // As flags would be given; empty: not set, and what that means is in the description.
  std::vector<std::string> values;
  bool set = false;
  // "FILE:LINE", the name of the variable, "command line" or "default".
  std::string from;
};

// NAME=NUMBER words that are a table in the file.
struct NamedNumber {
  std::string name;
  // With the unit: "stages of a Dockerfile".
  std::string description;
  int64_t value = 0;
  std::string from;
};

// The value as TOML. Passwords in URLs are stars: no secret is printed.
std::string ValueText(const Setting& setting);

// All of them, each after its description; those that are not set as comments. It can be used as a settings
// file where no password was in it.
std::string SettingsText(absl::Span<const Setting> settings, std::string_view table,
                         absl::Span<const NamedNumber> numbers);

}  // namespace crossmill::settings
