// A file of settings (TOML): what is in it and where, before anybody knows which settings there are.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace crossmill::settings {

enum class ValueKind { kText, kWholeNumber, kFraction, kTruth, kOther };

struct FileValue {
  ValueKind kind = ValueKind::kText;
  // As a flag would be given: "true", "12", the text itself.
  std::string text;
};

struct FileEntry {
  // Empty: not in a table.
  std::string table;
  std::string name;
  int line = 0;
  bool list = false;
  // One unless it is a list.
  std::vector<FileValue> values;
};

// In the order of their lines. INVALID_ARGUMENT with FILE:LINE:COLUMN for what is no TOML (a second
// definition of a key is none), and for tables in tables.
absl::StatusOr<std::vector<FileEntry>> ParseSettingsFile(const std::string& file, std::string_view text);

}  // namespace crossmill::settings
