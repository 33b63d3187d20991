// Python's configparser without interpolation, as far as pip's files need it.
#include "common/predict/matrix/pip_configuration.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/predict/image/root_paths.h"

namespace crossmill::predict {
namespace {

constexpr size_t kMostFileBytes = size_t{1} << 20;

std::string VariableOf(const v1::Run& run, std::string_view name) {
  std::string value;
  for (const std::string& entry : run.env()) {
    if (entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=')
      value = entry.substr(name.size() + 1);
  }
  return value;
}

// By section and key: "index-url", lower case and with dashes.
using Settings = std::map<std::string, std::map<std::string, std::string>>;

// Later ones win. INVALID_ARGUMENT: pip would refuse the file.
absl::Status ReadSettings(std::string_view text, Settings& settings) {
  std::string section;
  std::string* value = nullptr;
  int number = 0;
  for (const absl::string_view part : absl::StrSplit(Av(text), '\n')) {
    ++number;
    const std::string_view line = Sv(absl::StripTrailingAsciiWhitespace(part));
    const std::string_view content = Sv(absl::StripLeadingAsciiWhitespace(Av(line)));
    if (content.empty() || content[0] == '#' || content[0] == ';') continue;
    // Indented: the value goes on.
    if (content.size() != line.size() && value != nullptr) {
      *value += value->empty() ? "" : "\n";
      *value += content;
      continue;
    }
    if (content[0] == '[' && content.back() == ']') {
      section = std::string(content.substr(1, content.size() - 2));
      value = nullptr;
      continue;
    }
    const size_t end = content.find_first_of("=:");
    if (section.empty() || end == 0 || end == content.npos)
      return absl::InvalidArgumentError(fmt::format("line {} is not understood", number));
    std::string key = absl::AsciiStrToLower(absl::StripAsciiWhitespace(Av(content.substr(0, end))));
    std::replace(key.begin(), key.end(), '_', '-');
    if (key.starts_with("--")) key.erase(0, 2);
    value = &settings[section][key];
    *value = std::string(absl::StripAsciiWhitespace(Av(content.substr(end + 1))));
  }
  return absl::OkStatus();
}

std::vector<std::string> FilesOf(const v1::Run& run) {
  std::string home = VariableOf(run, "HOME");
  const bool is_root = run.user().empty() || run.user() == "root" || run.user() == "0" ||
                       run.user().starts_with("root:") || run.user().starts_with("0:");
  if (home.empty() && is_root) home = "/root";
  std::vector<std::string> files = {"/etc/xdg/pip/pip.conf", "/etc/pip.conf"};
  if (!home.empty()) {
    files.push_back(home + "/.pip/pip.conf");
    const std::string config = VariableOf(run, "XDG_CONFIG_HOME");
    files.push_back((config.empty() ? home + "/.config" : config) + "/pip/pip.conf");
  }
  if (const std::string folder = VariableOf(run, "VIRTUAL_ENV"); !folder.empty()) {
    files.push_back(folder + "/pip.conf");
  } else {
    files.insert(files.end(), {"/usr/pip.conf", "/usr/local/pip.conf"});
  }
  if (const std::string file = VariableOf(run, "PIP_CONFIG_FILE"); !file.empty()) files.push_back(file);
  return files;
}

}  // namespace

PipConfiguration ReadPipConfiguration(const v1::Run& run, RootFiles& image) {
  PipConfiguration configuration;
  if (VariableOf(run, "PIP_CONFIG_FILE") == "/dev/null") return configuration;
  const RootPaths paths(image);
  Settings settings;
  for (const std::string& file : FilesOf(run)) {
    const auto text = paths.ReadWhole(file, kMostFileBytes);
    if (absl::IsNotFound(text.status())) continue;
    const absl::Status status = text.ok() ? ReadSettings(*text, settings) : text.status();
    if (!status.ok()) {
      configuration.notes.push_back(
          fmt::format("{} is not read: {}.", Printable(file), Printable(Sv(status.message()))));
      continue;
    }
    configuration.files.push_back(file);
  }
  for (const char* section : {"global", "install"}) {
    for (const auto& [key, value] : settings[section]) {
      std::string name = "PIP_" + absl::AsciiStrToUpper(key);
      std::replace(name.begin(), name.end(), '-', '_');
      configuration.variables.push_back(fmt::format("{}={}", name, value));
    }
  }
  return configuration;
}

}  // namespace crossmill::predict
