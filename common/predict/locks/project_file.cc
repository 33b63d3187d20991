#include "common/predict/locks/project_file.h"

#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include <algorithm>

#include "common/base/status.h"
#include "common/base/utf8.h"

namespace crossmill::predict {
namespace {

constexpr size_t kMostProjectBytes = size_t{8} << 20;

absl::StatusOr<toml::table> ParseProject(std::string_view text) {
  if (text.size() > kMostProjectBytes)
    return absl::ResourceExhaustedError(fmt::format("more than {} bytes", kMostProjectBytes));
  toml::parse_result document = toml::parse(text);
  if (document.failed()) {
    return absl::InvalidArgumentError(fmt::format("line {}: {}", document.error().source().begin.line,
                                                  Printable(document.error().description())));
  }
  return std::move(document).table();
}

// Texts of an array, without line breaks, which would be fields of their own.
std::vector<std::string> TextList(const toml::node_view<const toml::node>& node) {
  std::vector<std::string> texts;
  if (const toml::array* array = node.as_array()) {
    for (const toml::node& one : *array) {
      auto text = one.value<std::string>();
      if (!text.has_value()) continue;
      std::replace_if(
          text->begin(), text->end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
      texts.push_back(*std::move(text));
    }
  }
  return texts;
}

bool IsDynamic(const toml::table& project, std::string_view name) {
  const std::vector<std::string> dynamic = TextList(project["dynamic"]);
  return std::find(dynamic.begin(), dynamic.end(), name) != dynamic.end();
}

// `requirement` for an extra only.
std::string ForExtra(const std::string& requirement, std::string_view extra) {
  // Behind a URL the marker is set off by a blank.
  const bool url =
      requirement.find('@') < requirement.find(';') && requirement.find("://") != std::string::npos;
  const size_t marker = requirement.find(url ? " ;" : ";");
  if (marker == std::string::npos) return fmt::format("{} ; extra == '{}'", requirement, extra);
  return fmt::format("{} ; ({}) and extra == '{}'", requirement.substr(0, marker),
                     requirement.substr(requirement.find(';', marker) + 1), extra);
}

std::string OneLine(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return text;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> BuildSystemRequirements(std::string_view text) {
  ASSIGN_OR_RETURN(const toml::table file, ParseProject(text));
  if (file["build-system"]["requires"].is_array()) return TextList(file["build-system"]["requires"]);
  return std::vector<std::string>{"setuptools>=40.8.0"};
}

absl::StatusOr<std::string> StaticProjectMetadata(std::string_view text) {
  ASSIGN_OR_RETURN(const toml::table file, ParseProject(text));
  const toml::table* project = file["project"].as_table();
  if (project == nullptr) return "";
  const std::string name = OneLine((*project)["name"].value<std::string>().value_or(""));
  if (name.empty() || IsDynamic(*project, "dependencies") || IsDynamic(*project, "optional-dependencies"))
    return "";
  std::string metadata = fmt::format("Metadata-Version: 2.2\nName: {}\n", name);
  if (const auto version = (*project)["version"].value<std::string>())
    metadata += fmt::format("Version: {}\n", OneLine(*version));
  if (const auto python = (*project)["requires-python"].value<std::string>())
    metadata += fmt::format("Requires-Python: {}\n", OneLine(*python));
  for (const std::string& requirement : TextList((*project)["dependencies"]))
    metadata += fmt::format("Requires-Dist: {}\n", requirement);
  if (const toml::table* extras = (*project)["optional-dependencies"].as_table()) {
    for (const auto& [extra, requirements] : *extras) {
      const std::string extra_name = OneLine(std::string(extra.str()));
      metadata += fmt::format("Provides-Extra: {}\n", extra_name);
      for (const std::string& requirement : TextList((*extras)[extra.str()]))
        metadata += fmt::format("Requires-Dist: {}\n", ForExtra(requirement, extra_name));
    }
  }
  return metadata;
}

}  // namespace crossmill::predict
