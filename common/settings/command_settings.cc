#include "common/settings/command_settings.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>

#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/base/utf8.h"
#include "common/dockerfile/recipe_error.h"

namespace crossmill::settings {
namespace {

constexpr int64_t kLongestFile = int64_t{1} << 20;
constexpr std::string_view kNoFile = "none";
constexpr std::string_view kCommandLine = "command line";
constexpr std::string_view kDefault = "default";

SettingType TypeOf(const CLI::Option& option) {
  if (option.get_items_expected_max() == 0) return SettingType::kTruth;
  const std::string name = option.get_type_name();
  if (name.find("SIZE") != std::string::npos) return SettingType::kSize;
  if (name.starts_with("INT") || name.starts_with("UINT")) return SettingType::kWholeNumber;
  if (name.starts_with("FLOAT")) return SettingType::kFraction;
  return SettingType::kText;
}

std::string_view Wanted(SettingType type) {
  switch (type) {
    case SettingType::kTruth:
      return "true or false";
    case SettingType::kText:
      return "a text in quotes";
    case SettingType::kWholeNumber:
      return "a whole number";
    case SettingType::kFraction:
      return "a number";
    case SettingType::kSize:
      return "a number of bytes, or a text such as \"2g\"";
  }
  return "";
}

bool Fits(SettingType type, ValueKind kind) {
  switch (type) {
    case SettingType::kTruth:
      return kind == ValueKind::kTruth;
    case SettingType::kText:
      return kind == ValueKind::kText;
    case SettingType::kWholeNumber:
      return kind == ValueKind::kWholeNumber;
    case SettingType::kFraction:
      return kind == ValueKind::kWholeNumber || kind == ValueKind::kFraction;
    case SettingType::kSize:
      return kind == ValueKind::kWholeNumber || kind == ValueKind::kText;
  }
  return false;
}

std::string VariableOf(const std::string& prefix, std::string_view name) {
  std::string variable = prefix;
  for (const char c : name)
    variable += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return variable;
}

// CLI11 says line breaks and whole lists; here it is one line.
std::string OneLine(std::string_view text) {
  std::string line(text);
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

}  // namespace

Environment OwnEnvironment() {
  Environment environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    const size_t equals = text.find('=');
    if (equals != std::string_view::npos)
      environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
}

CommandSettings::CommandSettings(CLI::App& app, SettingSources sources)
    : app_(app), sources_(std::move(sources)) {
  app.add_option("--config", config_,
                 fmt::format("File of settings, docs/settings.md, or 'none' (default: {} if it exists)",
                             sources_.usual_file));
  app.add_flag("--print-config", print_, "Print the settings in effect, and where each comes from; then end");
}

CLI::Option* CommandSettings::FindOption(std::string_view name) const {
  for (CLI::Option* option : app_.get_options()) {
    if (!option->get_lnames().empty() && option->get_lnames().front() == name) return option;
  }
  return nullptr;
}

std::vector<std::string> CommandSettings::Names() const {
  std::vector<std::string> names;
  for (const Setting& setting : settings_) names.push_back(setting.name);
  return names;
}

absl::Status CommandSettings::Complete(const Environment& environment) {
  if (sources_.numbers) numbers_ = sources_.numbers->numbers;
  for (const CLI::Option* option : app_.get_options()) {
    if (option->get_lnames().empty() || option->get_positional()) continue;
    const std::string& name = option->get_lnames().front();
    if (name == "help" || name == "version" || name == "config" || name == "print-config") continue;
    if (sources_.numbers && name == sources_.numbers->flag) continue;
    Setting setting{
        name,  TypeOf(*option),      option->get_items_expected_max() > 1, option->get_description(), {},
        false, std::string(kDefault)};
    if (option->count() > 0) {
      setting.values = option->results();
      setting.set = true;
      setting.from = kCommandLine;
    } else if (!option->get_default_str().empty()) {
      setting.values = {option->get_default_str()};
    } else if (setting.type == SettingType::kTruth) {
      setting.values = {"false"};
    }
    settings_.push_back(std::move(setting));
  }
  // From the weakest on, each over those before it; flags have been taken already.
  RETURN_IF_ERROR(ReadFileOf(environment));
  RETURN_IF_ERROR(TakeVariables(environment));
  RETURN_IF_ERROR(TakeWords());
  for (Setting& setting : settings_) {
    if (setting.set && setting.from != kCommandLine)
      RETURN_IF_ERROR(Give(setting, *FindOption(setting.name)));
  }
  return absl::OkStatus();
}

absl::Status CommandSettings::ReadFileOf(const Environment& environment) {
  std::string file = config_;
  if (const auto named = environment.find(VariableOf(sources_.variables, "config"));
      file.empty() && named != environment.end())
    file = named->second;
  if (file == kNoFile) return absl::OkStatus();
  if (file.empty()) {
    if (access(sources_.usual_file.c_str(), F_OK) != 0 && errno == ENOENT) return absl::OkStatus();
    file = sources_.usual_file;
  }
  const auto text = ReadFile(file, kLongestFile);
  if (!text.ok()) return Annotate(text.status(), "--config");
  ASSIGN_OR_RETURN(const std::vector<FileEntry> entries, ParseSettingsFile(file, *text));
  for (const FileEntry& entry : entries)
    RETURN_IF_ERROR(entry.table.empty() ? TakeEntry(file, entry) : TakeNumber(file, entry));
  return absl::OkStatus();
}

absl::Status CommandSettings::TakeEntry(const std::string& file, const FileEntry& entry) {
  const auto found = std::find_if(settings_.begin(), settings_.end(),
                                  [&](const Setting& setting) { return setting.name == entry.name; });
  if (found == settings_.end()) {
    return absl::InvalidArgumentError(
        fmt::format("{}:{}: there is no setting '{}'{}; --print-config lists all", file, entry.line,
                    Printable(entry.name), dockerfile::DidYouMean(entry.name, Names())));
  }
  if (entry.list != found->list) {
    return absl::InvalidArgumentError(fmt::format("{}:{}: {}: expected {}{}", file, entry.line, entry.name,
                                                  found->list ? "a list, [...], each of it " : "",
                                                  Wanted(found->type)));
  }
  std::vector<std::string> values;
  for (const FileValue& value : entry.values) {
    if (!Fits(found->type, value.kind)) {
      return absl::InvalidArgumentError(fmt::format("{}:{}: {}: expected {}{}", file, entry.line, entry.name,
                                                    Wanted(found->type),
                                                    found->list ? " for each of the list" : ""));
    }
    values.push_back(value.text);
  }
  if (found->from == kCommandLine) return absl::OkStatus();
  found->values = std::move(values);
  found->set = true;
  found->from = fmt::format("{}:{}", file, entry.line);
  return absl::OkStatus();
}

absl::Status CommandSettings::TakeNumber(const std::string& file, const FileEntry& entry) {
  if (!sources_.numbers || entry.table != sources_.numbers->table) {
    return absl::InvalidArgumentError(
        fmt::format("{}:{}: there is no table [{}]{}", file, entry.line, Printable(entry.table),
                    sources_.numbers ? fmt::format("; [{}] is the only one", sources_.numbers->table) : ""));
  }
  const std::string from = fmt::format("{}:{}", file, entry.line);
  if (entry.list || entry.values.front().kind != ValueKind::kWholeNumber) {
    return absl::InvalidArgumentError(
        fmt::format("{}: {}.{}: expected a whole number", from, entry.table, Printable(entry.name)));
  }
  return SetNumber(fmt::format("{}={}", entry.name, entry.values.front().text), from);
}

absl::Status CommandSettings::TakeVariables(const Environment& environment) {
  std::vector<std::string> known{VariableOf(sources_.variables, "config")};
  for (Setting& setting : settings_) {
    known.push_back(VariableOf(sources_.variables, setting.name));
    const auto found = environment.find(known.back());
    // What is passed on empty (by compose files, by shells) was not meant.
    if (found == environment.end() || found->second.empty() || setting.from == kCommandLine) continue;
    setting.values = setting.list ? std::vector<std::string>(absl::StrSplit(
                                        found->second, absl::ByAnyChar(" \t\n"), absl::SkipEmpty()))
                                  : std::vector<std::string>{found->second};
    setting.set = true;
    setting.from = known.back();
  }
  if (sources_.numbers) {
    known.push_back(VariableOf(sources_.variables, sources_.numbers->flag));
    if (const auto found = environment.find(known.back()); found != environment.end()) {
      for (const absl::string_view word :
           absl::StrSplit(found->second, absl::ByAnyChar(" \t\n"), absl::SkipEmpty()))
        RETURN_IF_ERROR(SetNumber(std::string(word), known.back()));
    }
  }
  for (const auto& [name, value] : environment) {
    if (!name.starts_with(sources_.variables) || std::find(known.begin(), known.end(), name) != known.end())
      continue;
    warnings_.push_back(
        fmt::format("variable {} is no setting{}", Printable(name), dockerfile::DidYouMean(name, known)));
  }
  return absl::OkStatus();
}

// Numbers of the command line, and all that are set to the flag's own reader.
absl::Status CommandSettings::TakeWords() {
  if (!sources_.numbers) return absl::OkStatus();
  CLI::Option* const option = FindOption(sources_.numbers->flag);
  for (const std::string& word : option->results())
    RETURN_IF_ERROR(SetNumber(word, std::string(kCommandLine)));
  std::vector<std::string> words;
  for (const NamedNumber& number : numbers_) {
    if (number.from != kDefault) words.push_back(fmt::format("{}={}", number.name, number.value));
  }
  option->clear();
  if (words.empty()) return absl::OkStatus();
  option->add_result(words);
  option->run_callback();
  return absl::OkStatus();
}

absl::Status CommandSettings::SetNumber(const std::string& word, const std::string& from) {
  const size_t equals = word.find('=');
  const std::string name = word.substr(0, equals);
  std::vector<std::string> names;
  for (NamedNumber& number : numbers_) {
    names.push_back(number.name);
    if (number.name != name || equals == std::string::npos) continue;
    if (!absl::SimpleAtoi(word.substr(equals + 1), &number.value) || number.value < 1) {
      return absl::InvalidArgumentError(fmt::format("{}: {}: '{}' is no whole number from 1 on", from, name,
                                                    Printable(word.substr(equals + 1))));
    }
    number.from = from;
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      fmt::format("{}: --{} {}: expected NAME=NUMBER{}; the names are {}", from, sources_.numbers->flag,
                  Printable(word), dockerfile::DidYouMean(name, names), absl::StrJoin(names, ", ")));
}

absl::Status CommandSettings::Give(Setting& setting, CLI::Option& option) {
  if (setting.type == SettingType::kTruth && setting.values.front() != "true" &&
      setting.values.front() != "false") {
    return absl::InvalidArgumentError(fmt::format("{}: {}: expected true or false, not '{}'", setting.from,
                                                  setting.name, Printable(setting.values.front())));
  }
  try {
    option.clear();
    for (const std::string& value : setting.values) option.add_result(value);
    // An empty list is what is there already.
    if (!setting.values.empty()) option.run_callback();
  } catch (const CLI::Error& error) {
    return absl::InvalidArgumentError(fmt::format("{}: {}: expected {}: {}", setting.from, setting.name,
                                                  Wanted(setting.type), OneLine(error.what())));
  }
  return absl::OkStatus();
}

std::string CommandSettings::Text() const {
  return SettingsText(settings_, sources_.numbers ? sources_.numbers->table : "", numbers_);
}

std::string CommandSettings::NameOf(const NamedNumber& number) const {
  return fmt::format("{}.{}", sources_.numbers->table, number.name);
}

std::vector<std::string> ChangedSettings(const CommandSettings& before, const CommandSettings& after) {
  std::vector<std::string> changed;
  for (size_t i = 0; i < after.settings().size(); ++i) {
    if (before.settings()[i].values != after.settings()[i].values)
      changed.push_back(after.settings()[i].name);
  }
  for (size_t i = 0; i < after.numbers().size(); ++i) {
    if (before.numbers()[i].value != after.numbers()[i].value)
      changed.push_back(after.NameOf(after.numbers()[i]));
  }
  return changed;
}

}  // namespace crossmill::settings
