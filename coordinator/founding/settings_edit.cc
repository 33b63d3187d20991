#include "coordinator/founding/settings_edit.h"

#include "common/base/json.h"
#include "common/base/status.h"
#include "common/settings/settings_file.h"

namespace crossmill::coordinator {

absl::StatusOr<std::string> WithSettings(const std::string& file, std::string_view text,
                                         absl::Span<const WantedSetting> wanted) {
  ASSIGN_OR_RETURN(const std::vector<settings::FileEntry> entries, settings::ParseSettingsFile(file, text));
  std::string added;
  for (const WantedSetting& each : wanted) {
    // A basic string of TOML escapes as one of JSON does.
    const std::string line = fmt::format("{} = {}\n", each.name, WriteJson(Json(each.value)));
    bool there = false;
    for (const settings::FileEntry& entry : entries) {
      if (!entry.table.empty() || entry.name != each.name) continue;
      there = true;
      if (entry.values.size() == 1 && entry.values[0].text == each.value) continue;
      return absl::FailedPreconditionError(fmt::format(
          "{}:{}: {} has another value already, and nothing is overwritten: take the line out and do "
          "this again, which puts in {}",
          file, entry.line, each.name, line.substr(0, line.size() - 1)));
    }
    if (!there) added += line;
  }
  if (added.empty()) return std::string(text);
  return "# Written by `crossmill admin init`.\n" + added + (text.empty() ? "" : "\n") + std::string(text);
}

}  // namespace crossmill::coordinator
