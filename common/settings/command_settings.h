// The settings of a program: its flags are the only table of them, and what no flag gave comes from the
// environment, then from one file, then from the flag's default.
//
//   flag --tls-cert FILE   variable CROSSMILL_COORDINATOR_TLS_CERT   in the file tls-cert = "FILE"
//
// Flags that can be repeated are lists in the file, and words with spaces between them in the environment;
// flags without a value are true or false.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "common/settings/settings_file.h"
#include "common/settings/settings_text.h"

namespace crossmill::settings {

// A repeatable flag of NAME=NUMBER words that is a table in the file.
struct NumberTable {
  // "limit", "limits".
  std::string flag;
  std::string table;
  // Every name with what is counted, and its default.
  std::vector<NamedNumber> numbers;
};

struct SettingSources {
  // "CROSSMILL_COORDINATOR_".
  std::string variables;
  // Read where no --config is given and it exists.
  std::string usual_file;
  std::optional<NumberTable> numbers;
};

using Environment = std::map<std::string, std::string>;
Environment OwnEnvironment();

class CommandSettings {
 public:
  // Adds --config and --print-config. The app outlives it.
  CommandSettings(CLI::App& app, SettingSources sources);

  // After the app has parsed its flags: gives it the values of the other sources. INVALID_ARGUMENT with the
  // place, what is allowed and the nearest name for whatever is not understood. Once.
  absl::Status Complete(const Environment& environment);

  bool print_wanted() const { return print_; }
  // After Complete.
  const std::vector<Setting>& settings() const { return settings_; }
  const std::vector<NamedNumber>& numbers() const { return numbers_; }
  // "limits.stages".
  std::string NameOf(const NamedNumber& number) const;
  std::string Text() const;
  // What seems to be meant for it and is nothing: variables with its prefix.
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  CLI::Option* FindOption(std::string_view name) const;
  std::vector<std::string> Names() const;
  absl::Status ReadFileOf(const Environment& environment);
  absl::Status TakeEntry(const std::string& file, const FileEntry& entry);
  absl::Status TakeNumber(const std::string& file, const FileEntry& entry);
  absl::Status TakeVariables(const Environment& environment);
  absl::Status TakeWords();
  absl::Status SetNumber(const std::string& word, const std::string& from);
  absl::Status Give(Setting& setting, CLI::Option& option);

  CLI::App& app_;
  const SettingSources sources_;
  std::string config_;
  bool print_ = false;
  std::vector<Setting> settings_;
  std::vector<NamedNumber> numbers_;
  std::vector<std::string> warnings_;
};

// Which of two have other values: their names, those of numbers as "TABLE.NAME".
std::vector<std::string> ChangedSettings(const CommandSettings& before, const CommandSettings& after);

}  // namespace crossmill::settings
